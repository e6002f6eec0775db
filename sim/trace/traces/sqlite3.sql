CREATE TABLE city(id INTEGER PRIMARY KEY, name TEXT, people INTEGER);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<100) INSERT INTO city SELECT i, hex(i*2654435761%4294967296), i*7919%100003 FROM n;
CREATE INDEX by_people ON city(people);
CREATE TABLE map(id INTEGER PRIMARY KEY, picture BLOB);
INSERT INTO map SELECT id, zeroblob(id*50000) FROM city WHERE id<=4;
SELECT count(*), sum(b.people) FROM city a JOIN city b ON b.people=a.people+7919 WHERE a.id%3=0;
DELETE FROM map WHERE id%2=0;
DELETE FROM city WHERE id%5=0;
SELECT substr(name,1,1) AS k, max(people) FROM city GROUP BY k ORDER BY 2 DESC LIMIT 3;
