# A loop of 1,000 iterations, each with a fork, an exec and a wait.
i=0; sum=0
while [ $i -lt 1000 ]; do
    sum=$((sum + $(expr $i % 7)))
    i=$((i + 1))
done
echo "$i iterations, sum $sum"
