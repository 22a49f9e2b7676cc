# SPDX-License-Identifier: Apache-2.0
## A repository's life: each step works on what the steps before it left.
# init
git init -b main repo && cd repo && git config gc.auto 0 && git config pack.threads 1 && git status
# first-commit
cd repo; seq 1000 >numbers; mkdir -p a/b; echo hello >a/b/c; git add -v . && git commit -m 'first commit' && git log --stat
# many-files
cd repo; for i in $(seq 200); do echo "file $i" >"a/f$i"; done; git add a; git commit -qm 'many files'; git ls-files -s | md5sum; git ls-tree -r HEAD | wc -l
# diff
cd repo; sed -i '5d;500s/.*/changed/' numbers; git diff; git diff --stat; git diff --word-diff | tail -9; git diff --exit-code --quiet; echo $?
# commit-all
cd repo; git commit -am 'change numbers'; git show --format=fuller; git log --oneline --graph
# branch-merge
cd repo; git checkout -b topic HEAD~1; echo topic >topic; git add topic; git commit -qm topic; git checkout main; git merge --no-edit topic; git branch -a; git log --oneline --graph --all
# conflict
cd repo; git checkout -qb left; echo left >x; git add x; git commit -qm left; git checkout -q main; git checkout -qb right; echo right >x; git add x; git commit -qm right; git merge left; echo $?; cat x; git status -s; git merge --abort; git diff main right --name-status
# rebase
cd repo; git checkout -q main; echo up >up; git add up; git commit -qm up; git rebase main right; echo $?; git log --oneline -5
# cherry-pick-revert
cd repo; git checkout -q main; git cherry-pick left; git revert --no-edit HEAD; git log --oneline -4
# stash
cd repo; echo dirty >>numbers; git stash; git stash list; git stash show -p; git stash pop; git checkout -- numbers
# tags
cd repo; git tag v1; git tag -a -m 'a tag' v2; git describe; git for-each-ref; git show v2 | head -5; git cat-file -p v2; git rev-parse v1^{tree}
# blame-grep
cd repo; git blame numbers | md5sum; git grep -n 'file 1..' | head -20; git grep nowhere; echo $?; git shortlog -sn HEAD; git log -S changed --oneline; git bisect start HEAD HEAD~2 | head -3; git bisect reset
# archive
cd repo; git archive --format=tar HEAD | tar -tf - | md5sum; git archive --format=tar.gz HEAD | gzip -dc | md5sum; git bundle create ../b.bundle main; git bundle verify ../b.bundle; git format-patch -2 --stdout | md5sum
# clone
git clone repo copy 2>&1; cd copy; git log --oneline | wc -l; git remote -v; git branch -r
# clone-bundle
git clone -q b.bundle from-bundle -b main; cd from-bundle; git rev-parse HEAD; git fsck
# push-hooks
git init -q --bare bare; printf '#!/bin/sh\necho from the hook; cat; exit 0\n' >bare/hooks/post-receive; chmod +x bare/hooks/post-receive; cd copy; git remote add bare ../bare; git push bare main v1 2>&1; git push bare main 2>&1; git ls-remote bare
# hook-refuses
printf '#!/bin/sh\necho no >&2; exit 1\n' >bare/hooks/update; chmod +x bare/hooks/update; cd copy; echo y >y; git add y; git commit -qm y; git push bare main 2>&1; echo $?
# fetch-pull
cd repo; echo news >news; git add news; git commit -qm news; cd ../copy; git fetch 2>&1; git pull --rebase 2>&1 | tail -3; git log --oneline -3
# submodule-worktree
cd repo; git -c protocol.file.allow=always submodule add ../bare sub 2>&1; git commit -qm submodule; git submodule status; git worktree add -q ../tree v1 2>&1; git worktree list; git worktree remove ../tree
# gc-fsck
cd repo; git gc -q; git fsck --full 2>&1; git count-objects -v | grep -v size; git repack -adfq; git verify-pack -v .git/objects/pack/*.idx | tail -3; git prune
# plumbing
cd repo; git rev-list --all --objects | sort | md5sum; git cat-file --batch-check --batch-all-objects | sort | md5sum; git rev-list HEAD | git cat-file --batch | md5sum; echo data | git hash-object -w --stdin; git fast-export main | md5sum; git fast-export main | (git init -q ../imported && cd ../imported && git fast-import --quiet && git rev-parse main)
# filter-aliases
cd repo; git config alias.shell '!echo alias in a shell; exit 3'; git shell; echo $?; git config -l --local; git -c core.pager='tr a-z A-Z' -p log -1 --format=%s; GIT_TRACE=0 git version; git config filter.up.clean 'tr a-z A-Z'; echo '*.up filter=up' >.gitattributes; echo shout >x.up; git add x.up; git show :x.up
# errors
cd repo; git nosuch; echo $?; git log nowhere; echo $?; git checkout nowhere; echo $?; git commit -m empty; echo $?; git clone ../nonexistent z; echo $?; git log >/dev/full; echo $?; git log | true; cd /; git status; echo $?
# reset-clean
cd repo; git reset -q; rm -f x.up; git reset --hard HEAD~1; git clean -fdx; git status; git reflog | wc -l; git notes add -m note; git log -1 --format=%N; git write-tree
