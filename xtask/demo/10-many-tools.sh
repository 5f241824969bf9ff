# A walk through other applets.
seq 20 > a
grep -c 1 a; sed s/1/x/ a | tail -n 1; md5sum a
dd if=/dev/zero of=z bs=1k count=2 2>/dev/null; hexdump -C z | head -n 1
printf '2^70\n7/3\n' | bc
date -u -d @0; uname -s
cp a c; cmp a c && rm a; ls
echo aGVsbG8= | base64 -d; echo
printf 'b\na\n' > 1; printf 'b\nc\n' > 2; diff 1 2; cat 1 2 | sort | uniq -c | tr -s " "
expr 6 \* 7; factor 1234567890; od -An -tx1 -N 8 2 | tr -s ' '
printf '%s\n' 5 3 9 | sort | paste -sd, ; rev 1; tac a 2>/dev/null || tac c | head -n 1
xxd 1 2>/dev/null | head -n 1; printf 'x\ty\n' | expand; fold -w 3 c | head -n 2
usleep 1000; (exit 2); echo $?
