# The shell itself: functions, here-documents, traps, background jobs, status of signals.
f() { local a=$1; [ $a -gt 1 ] && { f $((a - 1)); echo "f $a"; }; return $a; }
f 4; echo "status $?"
cat <<END
here: $(echo nested $(echo twice)) $((0x1f * 3))
END
case trunnion in t*n) echo matched ;; *) echo not ;; esac
trap 'echo "caught USR1"' USR1; kill -USR1 $$
(trap 'echo leaving' EXIT; exit 5); echo "status $?"
sh -c 'kill -TERM $$'; echo "status $?"
sh -c 'kill -KILL $$'; echo "status $?"
for n in 3 1 2; do (sleep 0.0$n; echo "job $n" >> jobs) & done; wait; sort jobs
set -- a 'b c' d; echo $# "$2"; shift; echo "$*"
x=abcdef; echo ${x#ab} ${x%ef} ${#x} ${y:-unset}
exec 3> out; echo to three >&3; exec 3>&-; cat out
cat missing 2> errors; echo "status $?"; wc -l < errors | tr -d ' '
