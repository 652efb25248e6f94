-- A few corners of SQLite on a small table of moons: joins, a window, a recursive query, dates, JSON, errors caught by constraints.
CREATE TABLE planet(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, radius_km REAL);
CREATE TABLE moon(name TEXT PRIMARY KEY, planet REFERENCES planet(id), radius_km REAL, found INTEGER);
INSERT INTO planet VALUES (3, 'Earth', 6371.0), (4, 'Mars', 3389.5), (5, 'Jupiter', 69911), (6, 'Saturn', 58232);
INSERT INTO moon VALUES
  ('Moon', 3, 1737.4, NULL), ('Phobos', 4, 11.3, 1877), ('Deimos', 4, 6.2, 1877), ('Io', 5, 1821.6, 1610),
  ('Europa', 5, 1560.8, 1610), ('Ganymede', 5, 2634.1, 1610), ('Callisto', 5, 2410.3, 1610), ('Titan', 6, 2574.7, 1655),
  ('Rhea', 6, 763.8, 1672), ('Enceladus', 6, 252.1, 1789);

SELECT p.name AS planet, count(*) AS moons, printf('%.1f', max(m.radius_km)) AS largest_km
  FROM planet p JOIN moon m ON m.planet = p.id GROUP BY p.id ORDER BY moons DESC, planet;

SELECT name, rank() OVER (PARTITION BY planet ORDER BY radius_km DESC) AS place, round(radius_km / 1737.4, 3) AS of_the_moon
  FROM moon WHERE radius_km > 1000 ORDER BY radius_km DESC;

SELECT found, group_concat(name, ', ') AS names FROM (SELECT * FROM moon ORDER BY name)
  WHERE found IS NOT NULL GROUP BY found HAVING count(*) > 1 ORDER BY found;

WITH RECURSIVE fibonacci(n, a, b) AS (SELECT 1, 0, 1 UNION ALL SELECT n + 1, b, a + b FROM fibonacci WHERE n < 12)
  SELECT group_concat(a, ' ') AS fibonacci FROM fibonacci;

SELECT date('2000-02-28', '+2 days') AS leap_day, julianday('2024-01-01') - julianday('1610-01-07') AS days_since_galileo;

SELECT json_group_array(json_object('moon', name, 'km', radius_km)) AS json FROM (SELECT * FROM moon WHERE planet = 4 ORDER BY name);

INSERT OR IGNORE INTO moon VALUES ('Titan', 6, 1, 1);
UPDATE moon SET radius_km = radius_km * 2 WHERE name LIKE '%o%' AND planet = (SELECT id FROM planet WHERE name = 'Mars');
SELECT name, radius_km, hex(name) AS bytes FROM moon WHERE planet = 4 ORDER BY 1;
PRAGMA integrity_check;
