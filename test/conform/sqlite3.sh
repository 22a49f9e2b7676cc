# SPDX-License-Identifier: Apache-2.0
## A database's life in the sqlite3 shell: each step works on what the steps before it left.
# create
sqlite3 db "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, value REAL, data BLOB); CREATE INDEX i ON t (name);"; sqlite3 db .schema
# insert
sqlite3 db "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO t SELECT i, 'name ' || i % 97, i / 7.0, CAST(i * i AS BLOB) FROM n; SELECT changes(), count(*) FROM t;"
# many-transactions
for i in $(seq 60); do echo "BEGIN; INSERT INTO t (name) VALUES ('tx $i'); COMMIT;"; done | sqlite3 db; sqlite3 db "SELECT count(*) FROM t WHERE name LIKE 'tx %'"
# select
sqlite3 db "SELECT * FROM t" | md5sum; sqlite3 db "SELECT name, count(*), sum(value) FROM t GROUP BY name ORDER BY 2 DESC, 1 LIMIT 20"
# modes
for m in csv column html insert json line list markdown quote table tabs box ascii; do sqlite3 -cmd ".mode $m" db "SELECT id, name, value FROM t WHERE id < 8"; done; sqlite3 -header -separator '|' db "SELECT 1 AS one, 'x' AS two"
# output-files
sqlite3 db ".output out.csv" ".mode csv" "SELECT * FROM t WHERE id % 3 = 0" ".output stdout" "SELECT 'back'"; md5sum out.csv; sqlite3 db ".once |wc -l" "SELECT * FROM t"; sqlite3 db ".dump" | md5sum
# import
sqlite3 second "CREATE TABLE u (a, b, c, d)" ".mode csv" ".import out.csv u" "SELECT count(*), sum(a) FROM u"; sqlite3 db .dump | sqlite3 third; sqlite3 third "SELECT count(*) FROM t"
# journals
for j in wal delete truncate persist memory off; do sqlite3 db "PRAGMA journal_mode = $j; UPDATE t SET value = value + 1 WHERE id % 2; SELECT total(value) FROM t;"; done; sqlite3 db "PRAGMA wal_checkpoint; PRAGMA integrity_check"
# rollback
sqlite3 db "BEGIN; DELETE FROM t; SELECT count(*) FROM t; ROLLBACK; SELECT count(*) FROM t; SAVEPOINT s; DELETE FROM t WHERE id < 100; ROLLBACK TO s; RELEASE s; SELECT count(*) FROM t;"
# two-writers
sqlite3 db "PRAGMA journal_mode=delete" >/dev/null; (for i in $(seq 30); do sqlite3 -cmd ".timeout 300000" db "INSERT INTO t (name) VALUES ('one')"; done) & (for i in $(seq 30); do sqlite3 -cmd ".timeout 300000" db "INSERT INTO t (name) VALUES ('two')"; done); wait; sqlite3 db "SELECT name, count(*) FROM t WHERE name IN ('one', 'two') GROUP BY 1"
# vacuum-backup
sqlite3 db "VACUUM; ANALYZE;"; sqlite3 db ".backup copy"; sqlite3 copy "SELECT count(*) FROM t"; sqlite3 db "VACUUM INTO 'small'"; for f in copy small third; do sqlite3 $f .dump | sed 's/VALUES([0-9]*,/(/' | sort | md5sum; done
# killed
(sqlite3 db "BEGIN; UPDATE t SET name = 'gone';" ".shell kill -9 \$PPID"); echo $?; sqlite3 db "SELECT count(*) FROM t WHERE name = 'gone'; PRAGMA integrity_check;"
# functions
sqlite3 :memory: "SELECT printf('%d %s %.3f %q %05d', 1, 'two', 3.14159, 'it''s', 42), hex('abc'), upper('é'), date(0, 'unixepoch'), json('[1, 2]'), group_concat(value) FROM generate_series(1, 5)"; sqlite3 :memory: ".parameter set @x 7" "SELECT @x * 6" ".show" | grep -v filename
# errors
sqlite3 db "SELECT * FROM nowhere"; echo $?; sqlite3 db "SELEC"; echo $?; sqlite3 /nonexistent/db "SELECT 1"; echo $?; sqlite3 -bail db "INSERT INTO t (id) VALUES (1); SELECT 'not reached'"; echo $?; sqlite3 -readonly db "DELETE FROM t"; echo $?; echo not a database, but long enough to be read as one >bad; sqlite3 bad "SELECT 1 FROM sqlite_master"; echo $?
# full-and-closed
sqlite3 db "SELECT * FROM t" >/dev/full; echo $?; sqlite3 db "SELECT * FROM t" >&-; echo $?; sqlite3 db "SELECT * FROM t" | head -3; echo "${PIPESTATUS[@]}"
# interactive
printf '.tables\nSELECT 1,\n2;\n.quit 5\n' | sqlite3 -interactive db; echo $?; printf 'SELECT count(*) FROM t;\n' | sqlite3 -echo -batch db; sqlite3 db ".read /nonexistent"; echo $?; sqlite3 -line db ".timer off" "EXPLAIN QUERY PLAN SELECT * FROM t WHERE name = 'x'"
