# Packers, there and back.
cd /tmp
head -c 600000 /usr/lib/i386-linux-gnu/libc.so.6 > plain
for c in gzip bzip2 xz 'zstd -q' 'lz4 -q'; do $c -kf plain 2> /dev/null; echo "$c $?"; done
wc -c plain.gz plain.bz2 plain.xz plain.zst plain.lz4
gzip -dc plain.gz | cmp - plain; bzip2 -dc plain.bz2 | cmp - plain; xz -dc plain.xz | cmp - plain
zstd -dqc plain.zst | cmp - plain; lz4 -dqc plain.lz4 | cmp - plain
xz -T2 -kf plain && xz -t plain.xz && echo xz; zstd -qT2 -f plain -o two.zst && zstd -qt two.zst && echo zstd
7zz a -bso0 -bsp0 -mmt2 seven.7z plain && 7zz t -bso0 -bsp0 seven.7z && echo 7zz
tar cf all.tar --owner=0 --mtime=@0 -C /usr/bin --exclude='p*' bash dash && tar tvf all.tar | cut -c1-10
tar cJf all.tar.xz all.tar && mkdir -p out && tar xJf all.tar.xz -C out && cmp out/all.tar all.tar && echo tar
xz -dc plain.xz | md5sum
