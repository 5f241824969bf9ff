# A repository: commits, branches, packing, cloning. The dates are fixed, so the hashes are, too.
export GIT_AUTHOR_DATE='2001-02-03T04:05:06Z' GIT_COMMITTER_DATE='2001-02-03T04:05:06Z'
cd /tmp && rm -rf one two && git init -q -b main one && cd one
git config user.email jobs@example.org && git config user.name jobs
for i in 1 2 3; do seq $i 300 > f$i; git add .; git commit -qm "commit $i"; done
git log --format='%H %s'
git diff HEAD~1 --stat
git checkout -q -b side HEAD~1 && echo side > s && git add s && git commit -qm side
git checkout -q main && git merge -q -m merged side && git log --oneline --graph | cat
git gc -q && git fsck --strict 2>&1 | tail -1
git clone -q . ../two && git -C ../two status -s -b
echo more >> f1 && git stash -q && git stash list && git stash pop -q && git status -s
git grep -c 29 | head -1
git blame -s f1 | tail -1
git archive --format=tar HEAD | tar t
git rev-parse HEAD^{tree}
