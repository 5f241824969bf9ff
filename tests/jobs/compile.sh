# Compilers, assembler, linker and what reads their output.
cd /tmp
gcc-12 -O2 /jobs/number.c -o one -lm && ./one
gcc-12 -O0 -static /jobs/number.c -o two -lm && ./two
tcc /jobs/number.c -o three -lm && ./three
tcc -run /jobs/number.c
g++-12 -O1 /jobs/thrown.cc -o four && ./four
echo 'int f(int a) { return a * 3; }' | gcc-12 -O2 -g -c -x c - -o f.o
ar rcs lib.a f.o; objdump -d f.o | tail -1; nm lib.a; strip f.o; size f.o
printf 'int f(int); int main(void) { return f(14); }' | gcc-12 -x c - -x none lib.a -o five; ./five; echo $?
gcc-12 -shared -fPIC -O1 -x c - -o libg.so <<< 'int g(void) { return 5; }'
gcc-12 -x c - -x none -L. -lg -Wl,-rpath,/tmp -o six <<< 'int g(void); int main(void) { return g(); }'; ./six; echo $?
readelf -d six | grep -c NEEDED
printf 'int main(void) { return x; }' | gcc-12 -x c - 2>&1 | head -2; echo ${PIPESTATUS[1]}
