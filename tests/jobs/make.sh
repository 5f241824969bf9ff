# A build in several processes at a time.
cd /tmp && rm -rf made && mkdir made && cd made
cat > Makefile <<'make'
parts := a b c d
all: $(parts:%=%.o)
	@cat $^ | wc -c
%.o: %.c
	@tr a-z A-Z < $< > $@
%.c:
	@echo "text of $*" > $@
again: all
	@echo again
fails:
	@exit 3
make
make -s -j4 && make -s again && make -s fails 2> /dev/null; echo $?
make -n all; touch a.c; make -s
