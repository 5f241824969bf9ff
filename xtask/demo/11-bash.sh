# bash: arrays, arithmetic, patterns, functions, processes.
declare -A map=([one]=1 [two]=2 [three]=3)
for k in "${!map[@]}"; do echo "$k=${map[$k]}"; done | "$BUSYBOX" sort
a=({1..10}); echo "${a[@]:2:3}" "${#a[@]}" "${a[-1]}"
((x = 1 << 20, y = x / 3)); echo $x $y $((2 ** 40 % 1000007))
[[ "trunnion 42" =~ ([a-z]+)\ ([0-9]+) ]] && echo "${BASH_REMATCH[2]} ${BASH_REMATCH[1]}"
printf -v s '%05d|%x|%q' 42 255 'a b'; echo "$s"
f() { local n=$1; ((n < 2)) && { echo "$n"; return; }; echo $(( $(f $((n - 1))) + $(f $((n - 2))) )); }
f 10
trap 'echo "err at $?"' ERR; false; trap - ERR
while IFS=: read -r l r; do echo "$r-$l"; done <<< $'a:b\nc:d'
echo "${s^^}" "${s//a/Z}"; select_none=${nothing:-default}; echo "$select_none"
(exit 7); echo $?; bash_status=$(exit 9; echo no); echo $?
{ "$BUSYBOX" sleep 0.02; echo second; } & echo first; wait $!; echo "status $?"
coproc { while read -r line; do echo "<$line>"; done; }
echo hello >&"${COPROC[1]}"; read -r reply <&"${COPROC[0]}"; echo "$reply"
