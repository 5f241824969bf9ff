# A database in a file, with a log beside it.
rm -f /tmp/jobs.db*
sqlite3 /tmp/jobs.db <<sql
pragma journal_mode = wal;
create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)
insert into t select i, hex(i * 7919), i * 1.5 from n;
create index x on t(b);
select sum(c), count(*) from t where b like '3%';
begin; delete from t where a % 3 = 0; rollback; select count(*) from t;
pragma wal_checkpoint;
vacuum;
pragma integrity_check;
sql
sqlite3 /tmp/jobs.db "select b, round(c / 7, 3) from t order by b desc limit 3"
