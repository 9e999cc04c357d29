-- Words of a text with where they stand, looked up, grouped, joined, ordered, changed and deleted.
.mode list
create table line(number integer primary key, text text not null);
.import --schema main lines.txt line
create table word(id integer primary key, line integer not null, place integer, text text not null);
with recursive split(line, place, rest, word) as (
  select number, 0, text || ' ', '' from line where number <= 20000
  union all
  select line, place + 1, substr(rest, instr(rest, ' ') + 1), substr(rest, 1, instr(rest, ' ') - 1)
  from split where rest <> '' and place < 40
)
insert into word(line, place, text) select line, place, trim(word, '();,*{}[]&"') from split
where word <> '';
select count(*) from word;
create index word_text on word(text);
create index word_line on word(line, place);
select text, count(*) n, min(line), max(line), group_concat(distinct place)
from word where length(text) > 2 group by text having n > 3 order by n desc, text limit 2000;
select a.text, b.text, count(*) n from word a join word b on b.line = a.line and b.place = a.place + 1
where a.text <> '' and b.text <> '' group by 1, 2 order by n desc limit 500;
begin;
update word set text = upper(text) where text like 'sqlite3%';
delete from word where line % 7 = 0;
insert into word(line, place, text) select line + 100000, place, text || '_' || id from word limit 50000;
commit;
select substr(text, 1, 3) p, count(*), json_group_array(id) from word group by p order by p;
create virtual table search using fts5(text);
insert into search select text from line where number <= 12000;
select rowid, snippet(search, 0, '[', ']', '.', 8) from search where search match 'page AND cache' limit 200;
select rowid, highlight(search, 0, '<', '>') from search where search match 'btree OR cursor' limit 500;
vacuum;
pragma integrity_check;
