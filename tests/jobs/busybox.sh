# A shell and its tools in one static file.
b=/bin/busybox
cd /tmp && $b mkdir -p bb/deep && cd bb
$b seq 40 > numbers
$b sort -rn numbers | $b head -3
$b grep -c 1 numbers
$b sed 's/1/x/' numbers | $b tail -1
$b awk '{ sum += $1 } END { print sum, NR }' numbers
$b md5sum numbers
$b tar cf all.tar numbers && $b gzip -f all.tar && $b tar tzf all.tar.gz
$b find /tmp/bb | $b sort
$b ls -la > /dev/null
$b ps > /dev/null; echo "ps $?"
$b cp numbers copy && $b cmp numbers copy && $b rm copy
for word in a b c; do echo $word; done | $b tr a-c A-C
$b date -u -d @86399
$b dd if=/dev/zero of=zeros bs=1k count=3 2> /dev/null && $b wc -c < zeros
$b hexdump -C zeros | $b head -1
echo '2^70 % 97' | $b bc
$b uname -sm
$b sleep 0.01
$b stat -c '%a %s %F' numbers
(exit 2); echo $?
