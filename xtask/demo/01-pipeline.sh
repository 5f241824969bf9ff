# A pipeline of five programs.
seq 1 5000 | grep 7 | sort -rn | head -n 5 | tr '\n' ' '; echo
yes trunnion | head -n 1000 | uniq -c | tr -s ' '
printf 'one\ntwo\nthree\n' | while read word; do echo "<$word>"; done | wc -l | tr -d ' '
(exit 3) | true; echo "status $?"
true | (exit 4); echo "status $?"
