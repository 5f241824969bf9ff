# A POSIX shell: pipelines, command substitution, traps, here documents.
for i in 1 2 3; do echo $i | cat; done
lines=$(ls / | wc -l); test "$lines" -gt 5 && echo many
cd /tmp && ls -a > listing && sed p listing | sort -u | wc -l && rm listing
trap 'echo bye' EXIT
cat <<end | while read -r a b; do echo "$b $a"; done
1 one
2 two
end
f() { local x=$1; [ "$x" -le 0 ] && return 7; f $((x - 1)); }
f 5; echo $?
sleep 5 & kill $!; wait $!; echo $?
set -- a 'b c' d; for x; do echo "[$x]"; done
