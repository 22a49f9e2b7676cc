# SPDX-License-Identifier: Apache-2.0
## Pipelines of coreutils, gawk, sed, grep, tar, gzip and bash: a line `# name`, then its commands.
## They run in an empty folder; $IN has text, numbers, binary and tree.
# cat
cat "$IN/text" "$IN/binary"
# cat-many-options
cat -A "$IN/text" | head -200; cat -ns "$IN/text" | tail -20; cat -vET <"$IN/binary" | wc
# cat-missing
cat "$IN/text" /nonexistent - </dev/null | wc; echo "${PIPESTATUS[@]}"
# cat-to-itself
echo x >f; cat f >>f; echo $?
# full-device
echo hello >/dev/full; echo $?; cat "$IN/text" >/dev/full; echo $?; printf x >/dev/full; echo $?
# full-device-programs
for p in "seq 9" "ls /" "sort $IN/numbers" "od $IN/binary" "gawk 1 $IN/text" "sed -n 1,9p $IN/text" \
    "date -u -d @0" "uname" "tr a b" "tac $IN/text" "tee" "dd if=$IN/binary status=none" "env" "perl -e print+1"
do $p <"$IN/text" >/dev/full; echo "$p: $?"; done
# closed-stdout
for p in "seq 9" "echo hi" "/bin/echo hi" "ls /" "gawk 1 $IN/text" "date -u -d @0" "cat $IN/text" "perl -e print+1"
do $p >&-; echo "$p: $?"; done
# closed-stderr
ls /nonexistent 2>&-; echo $?; cat /nonexistent 2>&-; echo $?; sort /nonexistent 2>&-; echo $?
# closed-all
(cat "$IN/text" 0<&- >&- 2>&-); echo $?; (seq 5 >&- 2>&-); echo $?
# broken-pipe
seq 1 1000000 | head -5; echo "${PIPESTATUS[@]}"; yes | head -1000 | wc; echo "${PIPESTATUS[@]}"
# broken-pipe-ignored
trap '' PIPE; seq 1 1000000 | head -1; echo "${PIPESTATUS[@]}"; cat "$IN/binary" | true; echo "${PIPESTATUS[0]}" | tr 01 xx
# read-only-descriptor
seq 5 1<"$IN/text"; echo $?; echo hi 1<"$IN/text"; echo $?
# sort
sort "$IN/text"; sort -n "$IN/numbers" | tail -50; sort -t, -k2,2g "$IN/numbers" | head
# sort-merge
sort -S 100k -T . "$IN/text" | sha256sum; sort -u -o u "$IN/text"; sort -c "$IN/text"; echo $?
# uniq-comm-join
cut -d' ' -f2 "$IN/text" | sort | uniq -c; cut -d' ' -f2 "$IN/text" | sort -u >a; cut -d' ' -f3 "$IN/text" | sort -u >b
comm a b; join a b; paste a b | head
# cut-tr
cut -c1-10 "$IN/text" | tr a-z A-Z | tr -s ' ' | tr -d '\n' ; tr -cd '[:print:]\n' <"$IN/binary" | wc
# head-tail
head -n -19990 "$IN/text"; tail -n +19990 "$IN/text"; head -c 1001 "$IN/binary"; tail -c 1001 "$IN/binary"
# tac-rev-nl
tac "$IN/text" | head -100; rev "$IN/text" | head -100; nl -ba "$IN/text" | tail -5
# fold-fmt-pr
fold -s -w 40 "$IN/text" | head -500; fmt -w 60 "$IN/text" | head -500; pr -l 60 -2 -h title "$IN/numbers" | sed 's/^20[0-9-]* [0-9:]*//' | head -300
# expand
printf 'a\tb\t\tc\n%.0s' 1 2 3 | expand -t 7; seq 100 | paste -s -d '\t\n' | unexpand -a; seq 20 | column 2>/dev/null; true
# od-base64
od -A x -t x1z -v "$IN/binary" | head -500; base64 "$IN/binary" | tail -5; base64 "$IN/binary" | base64 -d | cmp - "$IN/binary"; basenc --z85 -w 30 <<<"1234567" ; base32 <<<x
# sums
sha256sum "$IN/binary" | cut -c1-64; md5sum <"$IN/text"; cksum <"$IN/text"; sum <"$IN/text"; b2sum <"$IN/binary"
# sums-check
cp "$IN/text" t; sha256sum t >s; sha256sum -c s; echo x >>t; sha256sum -c s; echo $?
# wc
wc "$IN/text" | sed 's, .*/, ,'; wc -L <"$IN/text"; wc -c <"$IN/binary"; printf '\0' | wc -m
# split
split -n l/7 -d "$IN/text" part-; split -b 100k --filter='gzip -n >$FILE.gz' "$IN/binary" z-; csplit -s "$IN/numbers" 100 '{3}'
# tee
seq 1000 | tee a b >(wc -l >c) | tail -1; until [ -s c ]; do sleep 0.01; done; seq 5 | tee /dev/full /nonexistent/x; echo "${PIPESTATUS[@]}"
# dd
dd if="$IN/binary" of=o bs=7777 count=20 skip=3 status=noxfer; dd if="$IN/text" conv=ucase,swab bs=512 count=4 status=none; dd if="$IN/binary" of=p bs=64k oflag=append conv=notrunc,fsync status=none
# dd-sparse
dd if=/dev/zero of=s bs=1M count=0 seek=3 status=none; dd if="$IN/binary" of=s conv=notrunc bs=1k seek=1000 count=10 status=noxfer; stat -c %s s
# copies
cp -a "$IN/tree" t; cp --sparse=always "$IN/binary" b; cp --reflink=auto "$IN/binary" c; cp -v "$IN/text" x; mv -v x y; ln -sv y z; ln -v y w; install -m 600 -v y i; rm -v z
# copies-that-fail
cp /nonexistent x; echo $?; cp "$IN/tree" x; echo $?; cp "$IN/binary" /dev/full; echo $?; mv a b; echo $?; rmdir "$IN"; true
# folders
mkdir -pv a/b/c; touch -d @0 a/f; chmod -v 640 a/f; stat -c '%n %a %s %Y' a/f; rmdir -v a/b/c; mktemp -u -p . x.XXX >/dev/null; readlink -f a | wc -l; realpath --relative-to=a a/f; truncate -s 5k a/g
# ls
cd "$IN/tree" && TZ=UTC ls -lRn --time-style=+%s --block-size=1 | grep -v ^total | sed -E 's/^(.{10}) +[0-9]+/\1/;s/^(d.*) [0-9]+ ([0-9]+ [a-z0-9]+)$/\1 \2/'; ls -Q1; ls -x -w 30; ls /nonexistent; echo $?
# find
cd "$IN/tree" && find . -type f -printf '%p %s %T@\n' | sort; find . -name 'f1*' -exec wc -c {} + | sort; find . -size +2k -print0 | sort -z | xargs -0 -n 3 echo; find . -type d -exec sh -c 'echo "$0"; exit 1' {} \; | sort; find /nonexistent; echo $?
# xargs
seq 100 | xargs -n 7 echo; seq 3 | xargs -I{} sh -c 'echo {}; exit {}'; echo $?; seq 1000 | xargs -P 4 -n 100 echo | sort; echo | xargs -t echo x; seq 3 | xargs false; echo $?
# printf
printf '%5d|%-8s|%08.3f|%x|%o|%e|%c|%b|%q|%%\n' 42 str 3.14159 255 8 1e10 xyz 'a\tb' "it's"; /usr/bin/printf '%s %d\n' a 1 b x; echo $?; printf '%(%F)T\n' 0
# echo
echo -e 'a\tb\\n\0101'; echo -n x; /bin/echo -e '\x41\c' y; echo "😀 café"
# seq-factor-numfmt
seq -f %09.3f 1 0.37 20; seq -w 8 11; seq -s, 5 -1 1; factor 1234567890 97 1000000007 18446744073709551557; numfmt --to=iec 1000 123456789; numfmt --from=si 1k x; echo $?; expr 3 \* 7; expr 0; echo $?
# dates
date -u -d @1e9 +%c; date -u -d '2020-02-30'; echo $?; date -u -d '@0' -R; cal 2 2020 2>/dev/null; true
# test-and-true
true; echo $?; false; echo $?; [ -f "$IN/text" ]; echo $?; [ a -eq b ]; echo $?; test x = y; echo $?; /usr/bin/[ x; echo $?
# environment
env -i A=1 B=2 env; env -i /bin/sh -c 'echo $PATH | wc -c'; env -u HOME sh -c 'echo ${HOME-unset}'; printenv TZ NOPE; echo $?; env nonexistent-program; echo $?; env -C / pwd
# timeout
timeout 0.1 sleep 300; echo $?; timeout -s KILL 0.1 sleep 300; echo $?; timeout 300 sh -c 'exit 3'; echo $?; timeout 300 echo fine; timeout 0.1 yes >/dev/null; echo $?
# nohup-nice
nohup echo x; nice -n 5 nice; chroot / echo y; stdbuf -oL echo z; stdbuf -o0 seq 5 | cat; setsid echo w; ionice echo v; taskset 1 echo u
# shuffle
shuf --random-source="$IN/binary" -n 20 "$IN/text"; sort -R --random-source="$IN/binary" "$IN/numbers" | head -5; shuf -i 1-3 -n 0; od -N 4 "$IN/binary"
# tsort-ptx
printf 'a b\nb c\nd e\n' | tsort; printf 'a b\nb a\n' | tsort; echo $?; head -20 "$IN/text" | ptx -w 60
# gawk-sums
gawk -F, '{s += $1; q += $2} END {printf "%d %.6f %d\n", s, q, NR}' "$IN/numbers"; gawk '{n[$2]++} END {PROCINFO["sorted_in"] = "@ind_str_asc"; for (w in n) print w, n[w]}' "$IN/text"
# gawk-formats
gawk 'BEGIN {for (i = 0; i < 3000; i++) printf "%5d %-10s %8.3f %c %x %e %%\n", i, "s" i, i / 7, 65 + i % 26, i, i * 1e5}'
# gawk-outputs
gawk '{print > ("out-" NR % 3); print $2 >> "all"; if (NR % 5000 == 0) {print NR > "/dev/stderr"; fflush()}} END {close("all"); while ((getline line < "all") > 0) n++; print n}' "$IN/text"
# gawk-pipes
gawk '{print $2 | "sort | uniq -c"} END {close("sort | uniq -c"); "echo from a command" | getline x; print x; print system("exit 3"); print "last" | "cat 1>&2"}' "$IN/text"
# gawk-coprocess
gawk 'BEGIN {c = "sort -n"; for (i = 50; i > 0; i--) print i |& c; close(c, "to"); while ((c |& getline line) > 0) print "got", line; print close(c)}'
# gawk-errors
gawk 'BEGIN {print 1/0}'; echo $?; gawk 'BEGIN {'; echo $?; gawk 1 /nonexistent; echo $?; gawk 'BEGIN {printf "%d"}'; echo $?; gawk 'BEGIN {print "x" > "/nonexistent/y"}'; echo $?; gawk 'BEGIN {exit 7}'; echo $?
# gawk-network-free
gawk 'BEGIN {while (i++ < 20000) print i, "hello"}' | md5sum; gawk -v RS= '{print NR ": " $1}' "$IN/text" | head -3; gawk '{$1 = ""; print length($0), toupper($2), substr($0, 3, 4), gsub(/a/, "b")}' "$IN/text" | md5sum
# sed
sed -n '1,100p;$=' "$IN/text"; sed 's/alpha/[&]/g;y/abc/xyz/' "$IN/text" | md5sum; cp "$IN/text" t; sed -i.bak '5,10d;s/beta/BETA/w changed' t; sed -n 'l' "$IN/text" | head -20; sed -u 3q "$IN/text"; sed 'x('; echo $?; sed -s -n '1F' t | wc -l
# sed-execute
printf 'echo one\necho two >&2\n' | sed e; seq 5 | sed '2{h;d};4{G};$a end'; seq 3 | sed 'R /etc/hostname' | wc -l; seq 10 | sed -n '/3/,/5/{=;p}'
# grep
grep -c alpha "$IN/text"; grep -n '^1999' "$IN/text"; grep -o '[0-9]*5 ' "$IN/text" | md5sum; grep -A2 -B1 -m 3 café "$IN/text"; grep -P '\p{So}' "$IN/text" | md5sum; grep x "$IN/binary"; grep -q alpha "$IN/text"; echo $?; grep nowhere "$IN/text"; echo $?; grep x /nonexistent; echo $?; cd "$IN/tree" && grep -rlc a . | sort
# diff
head -100 "$IN/text" >a; sed '5d;50s/./X/;99a new' a >b; diff a b; diff -u --label a --label b a b; echo $?; diff -y -W 80 a b; cmp a b; cmp -l a b; diff -rq "$IN/tree" "$IN/tree"; echo $?; diff a /nonexistent; echo $?; diff3 a b a
# patch
head -100 "$IN/text" >a; sed '5d;50s/./X/' a >b; diff -u --label a --label b a b >p; command -v patch >/dev/null && patch a <p; cmp a b; echo $?
# tar
tar -C "$IN" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf t.tar tree; tar -tvf t.tar; mkdir x; tar -xf t.tar -C x; diff -r "$IN/tree" x/tree; echo $?; tar -cf /dev/full "$IN/binary"; echo $?
# tar-compressed
for z in gzip bzip2 xz zstd; do command -v $z >/dev/null || continue; tar -C "$IN" --sort=name --owner=0 --group=0 --mtime=@0 -I "$z" -cf - tree | tee t.$z | tar -I "$z" -tf - | md5sum; done; rm -f t.gzip; tar -xf /nonexistent; echo $?; tar -tf "$IN/text"; echo $?
# tar-streams
tar -C "$IN" -cf - tree | (mkdir y && cd y && tar -xf -) && find y | wc -l; tar -C "$IN" -cf - text | tar -xOf - | cmp - "$IN/text"; tar -C "$IN" -cvf /dev/null tree | sort | tail -3; tar -C "$IN" -cf - --checkpoint=20 --checkpoint-action='echo=%u' binary >/dev/null; tar -C "$IN" -cf - tree | head -c 1000 >/dev/null; echo "${PIPESTATUS[1]}"
# gzip
gzip -nc "$IN/text" | tee t.gz | gzip -dc | cmp - "$IN/text"; gzip -l t.gz | sed 's/@.*//'; gzip -t "$IN/text"; echo $?; zcat t.gz | tail -1; gzip -9nc "$IN/binary" | md5sum; zgrep -c alpha t.gz; cp "$IN/text" k; gzip -nkv k; gzip k; echo $?; printf bad | gzip -d; echo $?; head -c 1000 t.gz | gzip -dc | md5sum; echo "${PIPESTATUS[1]}"
# cpio-ar
command -v ar >/dev/null && { cp "$IN/text" a; cp "$IN/binary" b; ar rcD l.a a b; ar tv l.a; ar p l.a a | cmp - a; }; cd "$IN" && command -v cpio >/dev/null && find tree | sort | cpio -o --reproducible 2>&1 >/dev/null; true
# bash-redirections
exec 3>f; echo a >&3; echo b >&2; { echo c; echo d >&2; } 2>&1 | sort; echo e 3>&-; exec 3>&-; echo f >&3; echo $?; cat <<<"here" - <<<"string"; cat <<X
$((1 + 2)) of $(echo a document)
X
# bash-jobs
(for i in 1 2 3; do (echo job $i) & done; wait) | sort; (exit 5) & wait $!; echo $?; (kill -TERM $BASHPID); echo $?; (kill -SEGV $BASHPID) 2>/dev/null; echo $?; (trap 'echo trapped; exit 9' TERM; kill $BASHPID; sleep 1); echo $?
# bash-substitution
diff <(seq 10) <(seq 2 11); echo $?; echo $(seq 1000) | md5sum; x=$(cat /nonexistent); echo $?; mapfile -t m <"$IN/text"; echo "${#m[@]}"; coproc cat; echo to it >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"; exec {COPROC[1]}>&-; wait
# bash-exec
(exec echo replaced); (exec /nonexistent); echo $?; (exec 2>&1; exec ls /nonexistent); bash -c 'exec -a name sh -c "echo \$0"'; exec env -i /bin/sh -c 'echo the end'
# bash-traps
trap 'echo exit trap' EXIT; trap 'echo usr1' USR1; kill -USR1 $$; (echo in a subshell); f() { echo function; return 3; }; f; echo $?; set -e; true; false; echo never
# bash-printf-loop
for ((i = 0; i < 3000; i++)); do printf '%d %s\n' "$i" word; done | md5sum; for i in $(seq 300); do echo "$i" >>f; done; wc -l f; while read -r a b; do echo "$b $a"; done <"$IN/text" | head -500 | md5sum
# bash-errors
nosuchcommand; echo $?; /nonexistent/x; echo $?; "$IN/text"; echo $?; cd /nonexistent; echo $?; echo ${x?unset}; echo not reached
# dash
dash -c 'echo a; echo b >&2; printf "%s\n" c; (exit 4); echo $?; ls /nonexistent; echo $?; echo d >/dev/full; echo $?; trap "echo bye" 0'
# kill-and-wait
sleep 10 & kill -9 $!; wait $! 2>/dev/null; echo $?; cat /dev/zero >/dev/null & kill $!; wait $! 2>/dev/null; echo $?; (seq 1 100000000 >/dev/null & kill -9 $!; wait $! 2>/dev/null; echo $?)
# fifo
mkfifo p; seq 1000 >p & wc -l <p; wait; (cat "$IN/binary" >p) & md5sum <p; wait; (echo x >p) & head -c 0 <p; wait; rm p
# limits
(ulimit -f 10; cat "$IN/binary" >f; echo $?; stat -c %s f); (ulimit -n 5; cat "$IN/text" | wc); (ulimit -v 30000; seq 100 | tail -1); (ulimit -s 256; seq 100 | sort -n | tail -1); (trap '' XFSZ; ulimit -f 10; cat "$IN/binary" >g; echo $?)
# terminal
script -qec 'echo to a terminal; tty >/dev/null && echo yes; stty size; ls -d /; printf "a\tb\n"; exit 3' /dev/null </dev/null; echo $?
# mawk-busybox
command -v mawk >/dev/null && mawk '{print $2}' "$IN/text" | sort | uniq -c; command -v busybox >/dev/null && busybox seq 100 | busybox awk '{s += $1} END {print s}'; command -v bc >/dev/null && echo '2^200; scale=20; 1/7; 1/0' | bc; true
# perl-and-python-lines
perl -ne 'print if $. % 1000 == 0; print STDERR "$.\n" if eof' "$IN/text"; /usr/bin/python3 -c 'import sys
for number, line in enumerate(sys.stdin):
    if number % 1000 == 0: print(line, end="")
print("done", file=sys.stderr)' <"$IN/text"; /usr/bin/python3 -c 'print(1)' >/dev/full; echo $?; /usr/bin/python3 -c 'import sys; sys.stdout.close(); print(2)'; echo $?
# logger
logger -s -t conform --no-act "a line" 2>&1 | sed 's/^<[0-9]*>//;s/^[A-Z][a-z]* [ 0-9]* [0-9:]* //'; logger --socket /nonexistent x; echo $?
# compile
printf '#include <stdio.h>\nint main(void) { for (int i = 0; i < 1000; i++) printf("%%d %%s %%f\\n", i, "x", i / 3.0); fprintf(stderr, "end\\n"); return 4; }\n' >c.c; gcc -O2 -c -o c.o c.c && gcc -o c c.o && ./c | md5sum; echo "${PIPESTATUS[0]}"; rm -f c; gcc -c -o - -x c - <<<'int x = ;'; echo $?; gcc -E -P -x c - <<<'#define A 1
A'
