# find: names, types, sizes, -exec.
mkdir -p d/1/2/3 d/x/y
for n in 1 2 3 4 5 6 7 8 9; do echo "$n" > d/1/2/n$n; head -c ${n}000 /dev/zero > d/x/z$n; done
find d -type d | sort
find d -name 'n[3-5]' -exec cat {} + | sort | tr '\n' ' '; echo
find d -type f -size +5k | sort
find d -type f -name 'z*' -exec rm {} \;
find d -type f | wc -l | tr -d ' '
find d | sort | xargs -n 4 echo | head -n 2
chmod 640 d/1/2/n1; stat -c '%a %s %F' d/1/2/n1
rm -r d; ls | wc -l | tr -d ' '
