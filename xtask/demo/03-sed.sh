# sed: substitution with groups, ranges, the hold space.
seq 1 30 | sed -n '3,7s/\([0-9]\)/<\1>/p'
printf 'x=1\ny=22\nz=333\n' | sed -e 's/\(.\)=\(.*\)/\2=\1/' -e '2d'
printf 'a\nb\nc\nd\n' | sed -n '1!G;h;$p'
echo 'the quick brown fox' | sed 's/\b\(.\)/\1\1/g;y/aeiou/AEIOU/'
