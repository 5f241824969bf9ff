# awk: fields, arrays, functions, printf with floating point.
seq 1 1000 | awk '{ s += $1; q += $1 * $1 } END { print s, q; printf "%.6f %e\n", s / 7, q / 3 }'
printf 'a 3\nb 4\na 5\nc 1\nb 9\n' | awk '{ n[$1] += $2 } END { for (k in n) print k, n[k] }' | sort
awk 'function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2) } BEGIN { print f(18) }'
awk 'BEGIN { for (i = 0; i < 5; i++) printf "%d:%s ", i, substr("bascule", i + 1, 3); print toupper("end") }'
awk 'BEGIN { printf "%.4f %.4f\n", 355 / 113, int(-7 / 2) }'
