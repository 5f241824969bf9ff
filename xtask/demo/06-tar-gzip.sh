# A tree goes through tar and gzip and comes back equal.
mkdir -p tree/a/b tree/c
i=0
while [ $i -lt 40 ]; do seq $i $((i * 50)) > tree/a/f$i; i=$((i + 1)); done
seq 1 20000 > tree/a/b/long
ln -s ../a/f1 tree/c/link
ln tree/a/f2 tree/c/hard
tar cf - tree | gzip -9 > tree.tar.gz
gzip -t tree.tar.gz && echo intact
mkdir back
gunzip -c tree.tar.gz | tar xf - -C back
diff -r tree back/tree && echo equal
readlink back/tree/c/link
tar tzf tree.tar.gz | sort | sha256sum
gzip -k tree/a/b/long && zcat tree/a/b/long.gz | cmp - tree/a/b/long && echo same
bzip2 -k tree/a/b/long && bzcat tree/a/b/long.bz2 | sha256sum
