# sort: numeric, reverse, by key, unique, of 20,000 shuffled lines.
awk 'BEGIN { x = 1; for (i = 0; i < 20000; i++) { x = (x * 16807) % 2147483647; print x % 100000, i } }' > numbers
sort -n numbers | head -n 3
sort -rn -k2,2 numbers | head -n 3
sort -u -k1,1n numbers | wc -l | tr -d ' '
sort numbers | md5sum
cut -d' ' -f1 numbers | sort -n | uniq -d | wc -l | tr -d ' '
