# bash and the tools every script uses.
set -e
cd /tmp; rm -rf work; mkdir work; cd work
for i in 1 2 3 4 5; do echo "line $i" >> text; done
sort -r text | head -2 | tr a-z A-Z
wc -l < text
trap 'echo trapped' USR1; kill -USR1 $$
(exit 3) || echo $?
sleep 0.01 & wait
cat <<here | grep b
a
b
here
ln -s text soft; ln text hard; readlink soft; mv hard moved; cp -a text copy
chmod 600 copy; touch -d @0 copy; stat -c '%Y %a %h %s' copy
find . -type f -print0 | sort -z | xargs -0 md5sum | awk '{ print $1 }' | uniq | wc -l
printf '%s\n' *
test -e text && [ -L soft ] && echo there
df . > /dev/null; du -s . > /dev/null; date -u -d @0
dd if=/dev/zero of=zeros bs=4k count=16 2> /dev/null
cmp zeros <(head -c 65536 /dev/zero) && echo same
tar cf a.tar text zeros; gzip -9 a.tar; tar tzf a.tar.gz
sed -i s/line/LINE/ text; diff text copy | head -2
mkfifo fifo; (echo through > fifo) & cat fifo; wait
ulimit -n; umask; echo $((2**31 - 1)) $((1 << 40))
seq 3 | while read -r a; do echo "$a"; done
timeout 1 sleep 0.01; timeout 0.05 sleep 5 || echo "late $?"
nohup true 2> /dev/null; env | wc -l > /dev/null; id -un; uname -m; hostname > /dev/null || :
tee q < text > /dev/null; split -l 2 text; paste text copy | cut -c1-3; od -c text | head -1
truncate -s 100 text; stat -c %s text
mapfile -t lines < q; echo ${#lines[@]} "${lines[4]}"
coproc cat; echo to >&"${COPROC[1]}"; read -r back <&"${COPROC[0]}"; echo "$back"
join <(seq 5) <(seq 3 7); comm -12 <(seq 4) <(seq 3 9); shuf -i 1-9 | sort -n | tail -1
printf 'b 2\na 1\n' | sort -k2n | column -t 2> /dev/null || :
rmdir "$(mktemp -d)"; install -m 751 q installed; stat -c %a installed
realpath soft; basename /a/b.c .c; dirname /a/b; nproc > /dev/null; tty || :; sync
printf ok | sha256sum; printf ok | base64; factor 1000003; expr 6 \* 7; numfmt --to=iec 1048576
rm -rf ../work; echo done
