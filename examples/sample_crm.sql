-- sample_crm.sql: the sample CRM, three years of a Chinese company's sales
--
--   psql -v ON_ERROR_STOP=1 -f examples/sample_crm.sql
--
-- Plain SQL for PostgreSQL 13 and later, no extension needed.  It creates the
-- schema crm (and stops if there is one): about 350 salespeople in 32 teams
-- of six regions, 2024-01-01 to 2026-12-31, leads to opportunities to
-- contracts to payments, with what real tables have: joiners, leavers and
-- movers, returns, split deals, keys written wrongly.
--
-- Nothing is left to chance: each "random" number is the md5 of a label, so
-- every server, locale and time zone makes the same rows (sample_crm_check.sql
-- prints their fingerprint).  Of the arithmetic in double precision only
-- + - * / and floor() are used: those are exact to the bit everywhere, ln()
-- and exp() are not.
--
-- Some truths are planted (crm.planted_truth): deals that would have been won
-- are turned into lost ones, and crm.planted_loss lists each of them, so that
-- an analysis can be compared with what is known to be true.

\set ON_ERROR_STOP on

BEGIN;

SET LOCAL client_encoding = 'UTF8';
SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL TimeZone = 'Asia/Shanghai';
SET LOCAL jit = off;
SET LOCAL client_min_messages = warning;

CREATE SCHEMA crm;
COMMENT ON SCHEMA crm IS 'sample CRM of quota_decomp: made by examples/sample_crm.sql, the same rows everywhere';

-- a number in [0, 1) that depends on nothing but its label
CREATE FUNCTION pg_temp.u(label text) RETURNS float8
LANGUAGE sql IMMUTABLE AS
$$ SELECT ('x' || left(md5('sample crm 5 ' || label), 8))::bit(32)::bigint::float8 / 4294967296 $$;

----------------------------------------------------------------------
-- What the data set is, and the truths planted in it
----------------------------------------------------------------------

CREATE TABLE crm.dataset (
	company text NOT NULL,
	data_from date NOT NULL,
	as_of date NOT NULL,
	currency text NOT NULL
);
INSERT INTO crm.dataset VALUES ('华芯智能制造有限公司', '2024-01-01', '2026-12-31', '元');

COMMENT ON TABLE crm.dataset IS 'one row: what this data set is and which days it covers';
COMMENT ON COLUMN crm.dataset.company IS 'name of the (invented) company';
COMMENT ON COLUMN crm.dataset.data_from IS 'contracts are complete from this day; an opportunity opened earlier is there only if it closed on or after it';
COMMENT ON COLUMN crm.dataset.as_of IS 'the last day of the data: what had not happened by then is not there';
COMMENT ON COLUMN crm.dataset.currency IS 'currency of every amount';

CREATE TABLE crm.planted_truth (
	truth_id text PRIMARY KEY,
	kind text NOT NULL,
	region_id text,
	product_line text,
	person_id text,
	valid_from date NOT NULL,
	valid_to date NOT NULL,
	effect numeric NOT NULL,
	amount_without numeric,
	amount_lost numeric,
	description text NOT NULL
);
-- the weak person's id and the measured amounts are filled in below
INSERT INTO crm.planted_truth VALUES
	('market-fall', 'market', NULL, NULL, NULL, '2026-05-01', '2026-07-01', -0.20, NULL, NULL,
	 'the whole market falls by a fifth in May and June 2026: every region, every product line'),
	('east-a', 'region_product', 'R-EAST', 'A', NULL, '2026-08-01', '2027-01-01', -0.30, NULL, NULL,
	 'product line A in the East is down 30 % since August 2026: a competitor cut its prices'),
	('weak-person', 'person', NULL, NULL, NULL, '2026-01-01', '2027-01-01', -0.70, NULL, NULL,
	 'one experienced salesperson wins less than a third of what he should in 2026');

COMMENT ON TABLE crm.planted_truth IS 'what was built into the data, for tests of an analysis to compare with';
COMMENT ON COLUMN crm.planted_truth.truth_id IS 'key';
COMMENT ON COLUMN crm.planted_truth.kind IS 'what it hits: market, region_product or person';
COMMENT ON COLUMN crm.planted_truth.region_id IS 'the region it is limited to (org_unit); NULL: all';
COMMENT ON COLUMN crm.planted_truth.product_line IS 'the product line it is limited to; NULL: all';
COMMENT ON COLUMN crm.planted_truth.person_id IS 'the person it is limited to (salesperson); NULL: all';
COMMENT ON COLUMN crm.planted_truth.valid_from IS 'first day of the effect';
COMMENT ON COLUMN crm.planted_truth.valid_to IS 'first day after the effect';
COMMENT ON COLUMN crm.planted_truth.effect IS 'intended relative change of the contract amount: -0.30 is 30 % less than without it';
COMMENT ON COLUMN crm.planted_truth.amount_without IS 'contract amount of the slice had this truth not been there, given those planted before it';
COMMENT ON COLUMN crm.planted_truth.amount_lost IS 'contract amount it took away: the sum of its rows in planted_loss';
COMMENT ON COLUMN crm.planted_truth.description IS 'the truth in one sentence';

----------------------------------------------------------------------
-- Calendar: public holidays, make-up workdays, and the days themselves
----------------------------------------------------------------------

CREATE TABLE crm.holiday (
	day date PRIMARY KEY,
	name text NOT NULL,
	provisional boolean NOT NULL
);
INSERT INTO crm.holiday
SELECT d::date, h.name, h.provisional
FROM (VALUES
	(date '2022-12-31', date '2023-01-02', '元旦', false),
	('2023-01-21', '2023-01-27', '春节', false),
	('2023-04-05', '2023-04-05', '清明节', false),
	('2023-04-29', '2023-05-03', '劳动节', false),
	('2023-06-22', '2023-06-24', '端午节', false),
	('2023-09-29', '2023-10-06', '中秋节、国庆节', false),
	('2023-12-30', '2024-01-01', '元旦', false),
	('2024-02-10', '2024-02-17', '春节', false),
	('2024-04-04', '2024-04-06', '清明节', false),
	('2024-05-01', '2024-05-05', '劳动节', false),
	('2024-06-08', '2024-06-10', '端午节', false),
	('2024-09-15', '2024-09-17', '中秋节', false),
	('2024-10-01', '2024-10-07', '国庆节', false),
	('2025-01-01', '2025-01-01', '元旦', false),
	('2025-01-28', '2025-02-04', '春节', false),
	('2025-04-04', '2025-04-06', '清明节', false),
	('2025-05-01', '2025-05-05', '劳动节', false),
	('2025-05-31', '2025-06-02', '端午节', false),
	('2025-10-01', '2025-10-08', '国庆节、中秋节', false),
	('2026-01-01', '2026-01-03', '元旦', false),
	('2026-02-15', '2026-02-23', '春节', false),
	('2026-04-04', '2026-04-06', '清明节', false),
	('2026-05-01', '2026-05-05', '劳动节', false),
	('2026-06-19', '2026-06-21', '端午节', false),
	('2026-09-25', '2026-09-27', '中秋节', false),
	('2026-10-01', '2026-10-07', '国庆节', false),
	-- next year's notice is not out when a target is set: the statutory days,
	-- those on a weekend made up for, and no make-up workday yet
	('2027-01-01', '2027-01-03', '元旦', true),
	('2027-02-05', '2027-02-10', '春节', true),
	('2027-04-03', '2027-04-05', '清明节', true),
	('2027-05-01', '2027-05-04', '劳动节', true),
	('2027-06-09', '2027-06-09', '端午节', true),
	('2027-09-15', '2027-09-15', '中秋节', true),
	('2027-10-01', '2027-10-05', '国庆节', true)
) AS h(first_day, last_day, name, provisional),
generate_series(h.first_day::timestamp, h.last_day, interval '1 day') AS d
ORDER BY 1;

COMMENT ON TABLE crm.holiday IS 'China''s public holidays with the weekends they include, 2023 to 2027';
COMMENT ON COLUMN crm.holiday.day IS 'the day off';
COMMENT ON COLUMN crm.holiday.name IS 'the holiday it belongs to; 春节 is Spring Festival';
COMMENT ON COLUMN crm.holiday.provisional IS 'true: expected from the statutory days, not announced yet (2027)';

CREATE TABLE crm.makeup_workday (
	day date PRIMARY KEY,
	name text NOT NULL
);
INSERT INTO crm.makeup_workday VALUES
	('2023-01-28', '春节'), ('2023-01-29', '春节'), ('2023-04-23', '劳动节'), ('2023-05-06', '劳动节'),
	('2023-06-25', '端午节'), ('2023-10-07', '国庆节'), ('2023-10-08', '国庆节'),
	('2024-02-04', '春节'), ('2024-02-18', '春节'), ('2024-04-07', '清明节'), ('2024-04-28', '劳动节'),
	('2024-05-11', '劳动节'), ('2024-09-14', '中秋节'), ('2024-09-29', '国庆节'), ('2024-10-12', '国庆节'),
	('2025-01-26', '春节'), ('2025-02-08', '春节'), ('2025-04-27', '劳动节'), ('2025-09-28', '国庆节'),
	('2025-10-11', '国庆节'),
	('2026-01-04', '元旦'), ('2026-02-14', '春节'), ('2026-02-28', '春节'), ('2026-05-09', '劳动节'),
	('2026-09-20', '国庆节'), ('2026-10-10', '国庆节');

COMMENT ON TABLE crm.makeup_workday IS 'weekend days that are worked to make up for a holiday (调休), 2023 to 2026';
COMMENT ON COLUMN crm.makeup_workday.day IS 'the day worked';
COMMENT ON COLUMN crm.makeup_workday.name IS 'the holiday it makes up for';

-- every day, also of the future in which open deals will close; little is
-- signed in the week before and after Spring Festival
CREATE TEMP TABLE day ON COMMIT DROP AS
SELECT d.day, d.month_no, d.worked,
	   CASE WHEN NOT d.worked THEN 0 WHEN f.first_day IS NOT NULL THEN 0.5 ELSE 1 END::float8 AS pull,
	   max(d.day) FILTER (WHERE d.worked) OVER (ORDER BY d.day) AS last_workday,
	   CASE WHEN d.worked THEN row_number() OVER (PARTITION BY d.month_no, d.worked ORDER BY d.day) END::int AS nth
FROM (SELECT g::date AS day,
			 (extract(year FROM g) * 12 + extract(month FROM g) - 2023 * 12 - 1)::int AS month_no,
			 (extract(isodow FROM g) < 6 OR m.day IS NOT NULL) AND h.day IS NULL AS worked
	  FROM generate_series(timestamp '2022-01-01', '2028-12-31', interval '1 day') AS g
	  LEFT JOIN crm.holiday h ON h.day = g::date
	  LEFT JOIN crm.makeup_workday m ON m.day = g::date) AS d
LEFT JOIN (SELECT min(day) AS first_day, max(day) AS last_day
		   FROM crm.holiday WHERE name = '春节' GROUP BY extract(year FROM day)) AS f
	   ON d.day BETWEEN f.first_day - 8 AND f.last_day + 8;
CREATE UNIQUE INDEX ON day (day);
CREATE INDEX ON day (month_no, nth);
ANALYZE day;

-- months count from January 2023; season is what an average working day brings
CREATE TEMP TABLE month ON COMMIT DROP AS
SELECT month_no, min(day) AS first_day, count(*) FILTER (WHERE worked)::int AS workdays, sum(pull) / 21
	   * (ARRAY[0.95, 0.92, 1.10, 0.95, 0.97, 1.12, 0.90, 0.92, 1.08, 0.98, 1.06, 1.30])[month_no % 12 + 1] AS season
FROM day WHERE month_no >= 0 GROUP BY month_no;
ANALYZE month;

----------------------------------------------------------------------
-- Organisation: company, regions (大区), teams, people, who was where when
----------------------------------------------------------------------

CREATE TABLE crm.org_unit (
	unit_id text PRIMARY KEY,
	unit_name text NOT NULL,
	english_name text NOT NULL,
	kind text NOT NULL CHECK (kind IN ('company', 'region', 'team')),
	parent_id text REFERENCES crm.org_unit,
	manager_id text
);
INSERT INTO crm.org_unit VALUES
	('HQ', '华芯智能', 'Company', 'company', NULL, NULL),
	('R-EAST', '华东大区', 'East', 'region', 'HQ', NULL),
	('R-NORTH', '华北大区', 'North', 'region', 'HQ', NULL),
	('R-SOUTH', '华南大区', 'South', 'region', 'HQ', NULL),
	('R-CENTRAL', '华中大区', 'Central', 'region', 'HQ', NULL),
	('R-SW', '西南大区', 'Southwest', 'region', 'HQ', NULL),
	('R-NW', '西北大区', 'Northwest', 'region', 'HQ', NULL);
INSERT INTO crm.org_unit
SELECT 'T' || lpad(row_number() OVER (ORDER BY r.n, t.n)::text, 2, '0'), t.name, r.english[t.n], 'team', r.unit_id, NULL
FROM (VALUES
	(1, 'R-EAST', ARRAY['上海一部', '上海二部', '杭州', '宁波', '南京', '苏州', '合肥', '济南', '青岛'],
	 ARRAY['Shanghai 1', 'Shanghai 2', 'Hangzhou', 'Ningbo', 'Nanjing', 'Suzhou', 'Hefei', 'Jinan', 'Qingdao']),
	(2, 'R-NORTH', ARRAY['北京一部', '北京二部', '天津', '石家庄', '太原', '沈阳', '大连'],
	 ARRAY['Beijing 1', 'Beijing 2', 'Tianjin', 'Shijiazhuang', 'Taiyuan', 'Shenyang', 'Dalian']),
	(3, 'R-SOUTH', ARRAY['广州一部', '广州二部', '深圳一部', '深圳二部', '东莞', '南宁'],
	 ARRAY['Guangzhou 1', 'Guangzhou 2', 'Shenzhen 1', 'Shenzhen 2', 'Dongguan', 'Nanning']),
	(4, 'R-CENTRAL', ARRAY['武汉', '长沙', '郑州', '南昌'], ARRAY['Wuhan', 'Changsha', 'Zhengzhou', 'Nanchang']),
	(5, 'R-SW', ARRAY['成都一部', '成都二部', '重庆', '昆明'], ARRAY['Chengdu 1', 'Chengdu 2', 'Chongqing', 'Kunming']),
	(6, 'R-NW', ARRAY['西安', '兰州'], ARRAY['Xi''an', 'Lanzhou'])
) AS r(n, unit_id, names, english), unnest(r.names) WITH ORDINALITY AS t(name, n);

COMMENT ON TABLE crm.org_unit IS 'the sales organisation: company, regions (大区), teams';
COMMENT ON COLUMN crm.org_unit.unit_id IS 'key: HQ, R-… a region, T… a team';
COMMENT ON COLUMN crm.org_unit.unit_name IS 'name';
COMMENT ON COLUMN crm.org_unit.english_name IS 'name in English';
COMMENT ON COLUMN crm.org_unit.kind IS 'company, region or team';
COMMENT ON COLUMN crm.org_unit.parent_id IS 'the unit above; NULL for the company';
COMMENT ON COLUMN crm.org_unit.manager_id IS 'the person who leads it (salesperson); NULL for the company';

-- seats: one director a region, one manager and 7 to 10 seats a team, some
-- of them new; a seat that falls vacant is filled after one to three months
CREATE TEMP TABLE seat ON COMMIT DROP AS
WITH first_holder AS (
	SELECT unit_id AS home, parent_id AS region, 'director' AS role, 0 AS seat,
		   date '2019-06-30' - floor(pg_temp.u(unit_id || ' hired') * 2500)::int AS hired
	FROM crm.org_unit WHERE kind = 'region'
	UNION ALL
	SELECT unit_id, parent_id, 'manager', 0, date '2021-06-30' - floor(pg_temp.u(unit_id || ' hired') * 2500)::int
	FROM crm.org_unit WHERE kind = 'team'
	UNION ALL
	SELECT t.unit_id, t.parent_id, 'sales', s.n,
		   CASE WHEN pg_temp.u(s.label || ' new') < 0.75
				THEN date '2023-12-15' - floor(pg_temp.u(s.label || ' a') * pg_temp.u(s.label || ' b') * 3600)::int
				ELSE date '2024-01-08' + floor(pg_temp.u(s.label || ' a') * 1060)::int END
	FROM crm.org_unit t,
		 LATERAL (SELECT n, t.unit_id || '.' || n AS label
				  FROM generate_series(1, 7 + floor(pg_temp.u(t.unit_id || ' seats') * 4)::int) AS n) AS s
	WHERE t.kind = 'team'
), leaving AS (
	SELECT *, CASE WHEN role = 'sales' AND pg_temp.u(home || '.' || seat || ' leaves') < 0.22
				   THEN greatest(hired + 150, date '2024-02-20')
						+ floor(pg_temp.u(home || '.' || seat || ' when') * 900)::int END AS left_on
	FROM first_holder
)
SELECT home, region, role, seat, 1 AS holder, hired,
	   CASE WHEN left_on <= date '2026-12-15' THEN left_on END AS left_on
FROM leaving
UNION ALL
SELECT home, region, role, seat, 2, left_on + 30 + floor(pg_temp.u(home || '.' || seat || ' vacant') * 60)::int, NULL
FROM leaving
WHERE left_on + 90 <= date '2026-12-15';

CREATE TABLE crm.salesperson (
	person_id text PRIMARY KEY,
	name text NOT NULL,
	role text NOT NULL CHECK (role IN ('director', 'manager', 'sales')),
	carries_quota boolean NOT NULL,
	hired date NOT NULL,
	left_on date,
	skill_level int NOT NULL CHECK (skill_level BETWEEN 1 AND 5),
	prior_experience_years int NOT NULL,
	product_line text,
	login text NOT NULL UNIQUE
);
COMMENT ON TABLE crm.salesperson IS 'everybody who sells or leads, leavers included';
COMMENT ON COLUMN crm.salesperson.person_id IS 'key, by date of hire';
COMMENT ON COLUMN crm.salesperson.name IS 'name; two people may share one';
COMMENT ON COLUMN crm.salesperson.role IS 'director (leads a region), manager (leads a team), sales';
COMMENT ON COLUMN crm.salesperson.carries_quota IS 'whether the person has a target of their own: all of role sales, and the managers who also sell';
COMMENT ON COLUMN crm.salesperson.hired IS 'first day with the company';
COMMENT ON COLUMN crm.salesperson.left_on IS 'first day no longer with the company; NULL: still there';
COMMENT ON COLUMN crm.salesperson.skill_level IS '1 (lowest) to 5';
COMMENT ON COLUMN crm.salesperson.prior_experience_years IS 'years in sales before being hired';
COMMENT ON COLUMN crm.salesperson.product_line IS 'a specialist''s only product line; NULL: sells all';
COMMENT ON COLUMN crm.salesperson.login IS 'database role of the person';

-- how good each person is: 0.65 to 1.35, unseen by the company except
-- through the results and, roughly, the skill level
CREATE TEMP TABLE person ON COMMIT DROP AS
SELECT 'P' || lpad(row_number() OVER (ORDER BY hired, home COLLATE "C", seat, holder)::text, 4, '0') AS person_id,
	   home, region, role, seat, holder, hired, left_on,
	   0.65 + 0.35 * (pg_temp.u(label || ' skill a') + pg_temp.u(label || ' skill b')) AS skill,
	   role = 'sales' OR (role = 'manager' AND pg_temp.u(label || ' sells') < 0.35) AS sells,
	   CASE WHEN role = 'sales' AND pg_temp.u(label || ' specialist') < 0.03 THEN 'D' END AS product_line,
	   label
FROM (SELECT *, home || '.' || seat || '.' || holder AS label FROM seat) AS s;
ANALYZE person;

INSERT INTO crm.salesperson
SELECT person_id,
	   n.family[1 + floor(pg_temp.u(label || ' family') * pg_temp.u(label || ' family 2') * array_length(n.family, 1))::int]
	   || n.given[1 + floor(pg_temp.u(label || ' given') * array_length(n.given, 1))::int]
	   || CASE WHEN pg_temp.u(label || ' second') < 0.6
			   THEN n.given[1 + floor(pg_temp.u(label || ' given 2') * array_length(n.given, 1))::int] ELSE '' END,
	   role, sells, hired, left_on, 1 + floor((skill - 0.65) / 0.7 * 5)::int,
	   floor(pg_temp.u(label || ' before') * pg_temp.u(label || ' before 2') * 15)::int, product_line, lower(person_id)
FROM person,
	 (SELECT string_to_array('王 李 张 刘 陈 杨 赵 黄 周 吴 徐 孙 胡 朱 高 林 何 郭 马 罗 梁 宋 郑 谢 韩 唐 冯 于 董 萧 程 曹 袁 邓 许 傅 沈 曾 彭 吕 苏 卢 蒋 蔡 贾 丁 魏 薛 叶 阎 余 潘 杜 戴 夏 钟 汪 田 任 姜 范 方 石 姚 谭 廖 邹 熊 金 陆 郝 孔 白 崔 康 毛 邱 秦 江 史 顾 侯 邵 孟 龙 万 段 雷 钱 汤 尹 黎 易 常 武 乔 贺 赖 龚 文', ' ') AS family,
			 string_to_array('伟 芳 娜 敏 静 丽 强 磊 军 洋 勇 艳 杰 涛 明 超 霞 平 刚 华 飞 玉 桂 英 建 国 文 辉 力 浩 宇 轩 子 涵 梓 欣 怡 佳 晨 思 雨 嘉 俊 博 天 志 远 海 峰 鹏 亮 龙 波 斌 凯 健 峥 琳 雪 梅 兰 慧 莹 颖 倩 婷 瑶 洁 露 楠 晓 春 秋 冬 东 南 北 云 山 川 江 河 林 森 松 柏 青 红 蓝 新 成 立 安 康 宁 和 庆 瑞 祥 福 永 昌 恒 毅 诚 信 义 仁 德 贤 良 淑 美 丹 彤', ' ') AS given) AS n
ORDER BY person_id COLLATE "C";

UPDATE crm.org_unit AS o SET manager_id = p.person_id
FROM person p WHERE p.home = o.unit_id AND p.role IN ('director', 'manager');
ALTER TABLE crm.org_unit ADD FOREIGN KEY (manager_id) REFERENCES crm.salesperson;

-- fourteen people move to another team, on the first of a month
CREATE TABLE crm.membership (
	person_id text NOT NULL REFERENCES crm.salesperson,
	unit_id text NOT NULL REFERENCES crm.org_unit,
	valid_from date NOT NULL,
	valid_to date,
	PRIMARY KEY (person_id, valid_from)
);
INSERT INTO crm.membership
WITH mover AS (
	SELECT p.person_id, p.home, make_date(2025, 3 + r.n, 1) AS moved_on,
		   (SELECT t.unit_id FROM crm.org_unit t WHERE t.kind = 'team' AND t.unit_id <> p.home
			ORDER BY pg_temp.u(p.label || ' to ' || t.unit_id) LIMIT 1) AS new_home
	FROM (SELECT label, row_number() OVER (ORDER BY pg_temp.u(label || ' moves'), label COLLATE "C")::int % 9 AS n
		  FROM person WHERE role = 'sales' AND holder = 1 AND left_on IS NULL AND hired < '2024-09-01'
		  ORDER BY pg_temp.u(label || ' moves'), label COLLATE "C" LIMIT 14) AS r
	JOIN person p ON p.label = r.label
)
SELECT p.person_id, p.home, p.hired, coalesce(m.moved_on, p.left_on) FROM person p LEFT JOIN mover m USING (person_id)
UNION ALL
SELECT person_id, new_home, moved_on, NULL FROM mover
ORDER BY 1, 3;

COMMENT ON TABLE crm.membership IS 'which unit a person belonged to, when: joiners, leavers and movers';
COMMENT ON COLUMN crm.membership.person_id IS 'the person (salesperson)';
COMMENT ON COLUMN crm.membership.unit_id IS 'the unit (org_unit): a team, for directors a region';
COMMENT ON COLUMN crm.membership.valid_from IS 'first day in the unit';
COMMENT ON COLUMN crm.membership.valid_to IS 'first day no longer in the unit; NULL: still there';

-- the weak person: able, long there, never moved, in the North
UPDATE crm.planted_truth SET (region_id, person_id) =
	(SELECT p.region, p.person_id FROM person p
	 WHERE p.region = 'R-NORTH' AND p.role = 'sales' AND p.left_on IS NULL AND p.hired < '2023-01-01'
	   AND p.product_line IS NULL AND p.skill > 1.1
	   AND NOT EXISTS (SELECT FROM crm.membership m WHERE m.person_id = p.person_id AND m.valid_to IS NOT NULL)
	 ORDER BY p.person_id COLLATE "C" LIMIT 1)
WHERE truth_id = 'weak-person';

----------------------------------------------------------------------
-- Market: growth of the regions' markets, outside the company's influence
----------------------------------------------------------------------

CREATE TEMP TABLE market ON COMMIT DROP AS
SELECT r.region, m.month_no, 1 + r.growth * m.month_no / 12 AS trend
FROM (VALUES ('R-EAST', 0.05::float8), ('R-NORTH', 0.03), ('R-SOUTH', 0.06), ('R-CENTRAL', 0.07),
			 ('R-SW', 0.10), ('R-NW', 0.02)) AS r(region, growth), month m;

CREATE TABLE crm.market_index (
	region_id text NOT NULL REFERENCES crm.org_unit,
	month date NOT NULL,
	market_index numeric NOT NULL,
	growth numeric,
	PRIMARY KEY (region_id, month)
);
INSERT INTO crm.market_index
SELECT region, first_day, value, round(value / lag(value, 12) OVER (PARTITION BY region ORDER BY month_no) - 1, 4)
FROM (SELECT k.region, m.first_day, k.month_no,
			 round((100 * k.trend * (0.985 + 0.03 * pg_temp.u('market ' || k.region || k.month_no))
					* CASE WHEN m.first_day >= t.valid_from AND m.first_day < t.valid_to
						   THEN 1 + t.effect ELSE 1 END)::numeric, 1) AS value
	  FROM market k JOIN month m USING (month_no)
	  JOIN crm.planted_truth t ON t.truth_id = 'market-fall'
	  WHERE m.first_day <= (SELECT as_of FROM crm.dataset)) AS i
ORDER BY region COLLATE "C", first_day;

COMMENT ON TABLE crm.market_index IS 'size of each region''s market by month, from outside; seasonally adjusted, January 2023 is about 100';
COMMENT ON COLUMN crm.market_index.region_id IS 'the region (org_unit)';
COMMENT ON COLUMN crm.market_index.month IS 'first day of the month';
COMMENT ON COLUMN crm.market_index.market_index IS 'size of the market';
COMMENT ON COLUMN crm.market_index.growth IS 'growth over the same month a year before; NULL in 2023';

----------------------------------------------------------------------
-- Products, accounts, campaigns
----------------------------------------------------------------------

CREATE TABLE crm.product (
	product_id text PRIMARY KEY,
	product_name text NOT NULL,
	product_line text NOT NULL,
	line_name text NOT NULL,
	list_price numeric NOT NULL,
	unit_cost numeric NOT NULL,
	launched_on date,
	discontinued_on date
);
INSERT INTO crm.product VALUES
	('A1', '智能控制器标准版', 'A', 'A 控制器', 48000, 27000, NULL, NULL),
	('A2', '智能控制器旗舰版', 'A', 'A 控制器', 98000, 52000, NULL, NULL),
	('B1', '伺服驱动器', 'B', 'B 伺服', 36000, 22500, NULL, NULL),
	('B2', '伺服系统套件', 'B', 'B 伺服', 86000, 50000, NULL, NULL),
	('C1', '工业传感器套装', 'C', 'C 传感器', 12000, 6800, NULL, NULL),
	('C2', '视觉检测单元', 'C', 'C 传感器', 64000, 35000, NULL, NULL),
	('C3', '工业传感器套装（旧款）', 'C', 'C 传感器', 9800, 6900, NULL, '2025-07-01'),
	('D1', '云平台标准版', 'D', 'D 云平台', 30000, 6500, NULL, NULL),
	('D2', '云平台企业版', 'D', 'D 云平台', 120000, 21000, NULL, NULL),
	('D3', '智能运维助手', 'D', 'D 云平台', 45000, 9000, '2026-04-01', NULL),
	('E1', '年度维保服务', 'E', 'E 服务', 18000, 9500, NULL, NULL),
	('E2', '培训与实施服务', 'E', 'E 服务', 26000, 16000, NULL, NULL);

COMMENT ON TABLE crm.product IS 'what the company sells, in product lines A to E';
COMMENT ON COLUMN crm.product.product_id IS 'key: the line''s letter and a number';
COMMENT ON COLUMN crm.product.product_name IS 'name';
COMMENT ON COLUMN crm.product.product_line IS 'product line: A controllers, B servo drives, C sensors, D cloud platform, E services';
COMMENT ON COLUMN crm.product.line_name IS 'name of the product line';
COMMENT ON COLUMN crm.product.list_price IS 'list price of one piece';
COMMENT ON COLUMN crm.product.unit_cost IS 'cost of one piece';
COMMENT ON COLUMN crm.product.launched_on IS 'first day it is sold; NULL: before the data begins';
COMMENT ON COLUMN crm.product.discontinued_on IS 'first day no longer sold; NULL: still sold';

CREATE TABLE crm.account (
	account_id text PRIMARY KEY,
	account_name text NOT NULL,
	customer_class text NOT NULL CHECK (customer_class IN ('战略', '重点', '普通')),
	potential numeric NOT NULL,
	industry text NOT NULL,
	unit_id text NOT NULL REFERENCES crm.org_unit,
	created_on date NOT NULL
);
INSERT INTO crm.account
SELECT 'K' || lpad(n::text, 5, '0'),
	   n1.city || n1.words[1 + floor(pg_temp.u(label || ' w1') * 20)::int] || n1.words[21 + floor(pg_temp.u(label || ' w2') * 20)::int]
	   || ind.name || CASE WHEN pg_temp.u(label || ' legal') < 0.8 THEN '有限公司' ELSE '股份有限公司' END,
	   class,
	   round((CASE class WHEN '战略' THEN 2000000 WHEN '重点' THEN 500000 ELSE 60000 END
			  * (1 + 3 * pg_temp.u(label || ' potential')))::numeric, -4),
	   ind.industry, t.unit_id, created_on
FROM (SELECT n, 'account ' || n AS label,
			 1 + floor(pg_temp.u('account ' || n || ' team') * 32)::int AS team_no,
			 CASE WHEN pg_temp.u('account ' || n || ' class') < 0.08 THEN '战略'
				  WHEN pg_temp.u('account ' || n || ' class') < 0.35 THEN '重点' ELSE '普通' END AS class,
			 -- in order of creation: half of them before the data begins
			 CASE WHEN n <= 2000 THEN date '2016-01-04' + n ELSE date '2023-06-01' + ((n - 2000) * 13 / 20) END AS created_on
	  FROM generate_series(1, 4000) AS n) AS a
JOIN crm.org_unit t ON t.unit_id = 'T' || lpad(team_no::text, 2, '0'),
LATERAL (SELECT left(t.unit_name, CASE WHEN t.unit_name LIKE '石家庄%' THEN 3 ELSE 2 END) AS city,
				string_to_array('华 金 天 新 东 瑞 恒 宏 盛 泰 鑫 中 永 信 正 和 众 同 安 立 达 源 兴 博 远 通 科 创 诚 丰 隆 佳 维 辉 德 联 成 力 盈 飞', ' ') AS words) AS n1,
LATERAL (SELECT i[1] AS name, i[2] AS industry
		 FROM (SELECT string_to_array((ARRAY['机械,机械制造', '汽车零部件,汽车', '电子,电子', '食品,食品饮料', '医药,医药',
											 '新能源,新能源', '物流,物流', '化工,化工'])[1 + floor(pg_temp.u(label || ' industry') * 8)::int], ',') AS i) AS x) AS ind
ORDER BY n;

COMMENT ON TABLE crm.account IS 'customers and prospects';
COMMENT ON COLUMN crm.account.account_id IS 'key, by date of creation';
COMMENT ON COLUMN crm.account.account_name IS 'name';
COMMENT ON COLUMN crm.account.customer_class IS '战略 strategic, 重点 key, 普通 ordinary';
COMMENT ON COLUMN crm.account.potential IS 'what the account could buy in a year';
COMMENT ON COLUMN crm.account.industry IS 'industry';
COMMENT ON COLUMN crm.account.unit_id IS 'the team whose territory it is in (org_unit)';
COMMENT ON COLUMN crm.account.created_on IS 'day it was entered';

-- a team's accounts in order of creation, and how many it has by month: a
-- deal picks one of those it knew
CREATE TEMP TABLE territory ON COMMIT DROP AS
SELECT unit_id, account_id, customer_class, row_number() OVER (PARTITION BY unit_id ORDER BY account_id COLLATE "C")::int AS nth
FROM crm.account;
CREATE INDEX ON territory (unit_id, nth);
CREATE TEMP TABLE territory_size ON COMMIT DROP AS
SELECT t.unit_id, m.month_no, count(*)::int AS accounts
FROM crm.org_unit t JOIN crm.account a USING (unit_id) JOIN month m ON a.created_on < m.first_day - 10
GROUP BY t.unit_id, m.month_no;
ANALYZE territory;
ANALYZE territory_size;

CREATE TABLE crm.campaign (
	campaign_id text PRIMARY KEY,
	campaign_name text NOT NULL,
	kind text NOT NULL,
	region_id text NOT NULL REFERENCES crm.org_unit,
	product_line text NOT NULL,
	started_on date NOT NULL,
	ended_on date NOT NULL,
	cost numeric NOT NULL
);
INSERT INTO crm.campaign
SELECT 'M' || lpad(row_number() OVER (ORDER BY m.month_no, r.unit_id COLLATE "C")::text, 3, '0'),
	   to_char(m.first_day, 'YYYY"年"FMMM"月"') || left(r.unit_name, 2) || k.line || '产品线' || k.kind,
	   k.kind, r.unit_id, k.line, m.first_day + 4, m.first_day + 4 + k.days, round((k.cost * (0.7 + 0.6 * k.x))::numeric, -3)
FROM month m
CROSS JOIN (SELECT unit_id, unit_name FROM crm.org_unit WHERE kind = 'region') AS r,
LATERAL (SELECT (ARRAY['展会', '线上研讨会', '客户沙龙'])[1 + floor(x * 3)::int] AS kind,
				(ARRAY[3, 0, 1])[1 + floor(x * 3)::int] AS days,
				(ARRAY[180000, 30000, 60000])[1 + floor(x * 3)::int] AS cost,
				substr('ABCDE', 1 + floor(pg_temp.u('campaign line ' || m.month_no || r.unit_id) * 5)::int, 1) AS line, x
		 FROM (SELECT pg_temp.u('campaign ' || m.month_no || r.unit_id) AS x) AS y) AS k
WHERE m.first_day BETWEEN '2024-01-01' AND '2026-12-31' AND m.month_no % 2 = floor(k.x * 10)::int % 2;

COMMENT ON TABLE crm.campaign IS 'marketing campaigns that brought leads';
COMMENT ON COLUMN crm.campaign.campaign_id IS 'key';
COMMENT ON COLUMN crm.campaign.campaign_name IS 'name';
COMMENT ON COLUMN crm.campaign.kind IS '展会 fair, 线上研讨会 webinar, 客户沙龙 customer meeting';
COMMENT ON COLUMN crm.campaign.region_id IS 'the region it was held in (org_unit)';
COMMENT ON COLUMN crm.campaign.product_line IS 'the product line it was for';
COMMENT ON COLUMN crm.campaign.started_on IS 'first day';
COMMENT ON COLUMN crm.campaign.ended_on IS 'last day';
COMMENT ON COLUMN crm.campaign.cost IS 'what it cost';

----------------------------------------------------------------------
-- Opportunities: first as they would have gone, then the planted truths
----------------------------------------------------------------------

-- Deals are made by the month in which they close, for that is where season
-- and market act; the day they were opened follows from the sales cycle.  A
-- newcomer cannot have opened a deal before he came: his ramp is real.
CREATE TEMP TABLE deal ON COMMIT DROP AS
WITH slot AS (
	SELECT p.person_id, p.hired, p.left_on, p.product_line AS only_line, p.skill, m.month_no, m.workdays,
		   p.person_id || ' ' || m.month_no || ' ' || s AS label
	FROM person p
	JOIN month m ON m.first_day >= '2024-01-01' AND m.first_day < '2027-10-01'
				AND (p.left_on IS NULL OR m.first_day < p.left_on + 120)
				AND m.first_day > p.hired - 31
	JOIN market k ON k.region = p.region AND k.month_no = m.month_no
	CROSS JOIN generate_series(1, 10) AS s
	WHERE p.sells
	  AND pg_temp.u(p.person_id || ' ' || m.month_no || ' ' || s) * 10
		  < 3.6 * m.season * k.trend * p.skill * CASE p.role WHEN 'manager' THEN 0.4 ELSE 1 END
), outcome AS (
	SELECT *, pg_temp.u(label || ' won') < 0.33 * (0.6 + 0.4 * skill) AS would_win,
		   -- more is signed late in the month
		   1 + floor(greatest(pg_temp.u(label || ' day'), pg_temp.u(label || ' day 2')) * workdays)::int AS nth,
		   coalesce(only_line, CASE WHEN x < 0.29 - drift THEN 'A' WHEN x < 0.52 - drift THEN 'B'
									WHEN x < 0.72 - drift THEN 'C' WHEN x < 0.90 THEN 'D' ELSE 'E' END) AS line
	FROM slot, LATERAL (SELECT pg_temp.u(label || ' line') AS x, 0.001 * month_no AS drift) AS l
), dated AS (
	SELECT o.*, d.day AS closed_on, w.last_workday AS opened_on, w.month_no AS opened_month
	FROM outcome o
	JOIN day d ON d.month_no = o.month_no AND d.nth = o.nth
	CROSS JOIN LATERAL (SELECT floor(CASE WHEN would_win
			THEN 20 + (pg_temp.u(label || ' c1') + pg_temp.u(label || ' c2')) * CASE line WHEN 'A' THEN 70 WHEN 'B' THEN 65 WHEN 'D' THEN 55 ELSE 35 END
			ELSE 10 + pg_temp.u(label || ' c1') * pg_temp.u(label || ' c2') * 200
				 + CASE WHEN pg_temp.u(label || ' c3') < 0.05 THEN 220 ELSE 0 END END)::int AS cycle) AS c
	JOIN day w ON w.day = d.day - c.cycle
), placed AS (
	SELECT d.*, m.unit_id AS team, t.account_id, t.customer_class, pg_temp.u(d.label || ' product') AS x2
	FROM dated d
	JOIN crm.membership m ON m.person_id = d.person_id AND d.opened_on >= m.valid_from
						 AND (m.valid_to IS NULL OR d.opened_on < m.valid_to)
	JOIN territory_size z ON z.unit_id = m.unit_id AND z.month_no = d.opened_month
	JOIN territory t ON t.unit_id = m.unit_id AND t.nth = 1 + floor(pg_temp.u(d.label || ' account') * z.accounts)::int
	WHERE d.opened_on <= (SELECT as_of FROM crm.dataset)
)
SELECT 'O' || lpad(row_number() OVER (ORDER BY d.opened_on, d.label COLLATE "C")::text, 6, '0') AS opportunity_id,
	   d.label, d.team, d.account_id, d.line, d.opened_on, d.closed_on, d.closed_on - d.opened_on AS cycle, d.would_win,
	   -- whoever leaves hands his open deals to his manager
	   CASE WHEN d.closed_on >= d.left_on THEN o.manager_id ELSE d.person_id END AS person_id,
	   d.person_id AS opened_by, d.hired, d.left_on,
	   g.product_id, q.quantity,
	   round((g.list_price * q.quantity * (100 - floor(pg_temp.u(d.label || ' discount') * 16)::int) / 100), -1) AS amount,
	   NULL::text AS lost_by
FROM placed d
JOIN crm.org_unit o ON o.unit_id = d.team
JOIN crm.product g ON g.product_id = d.line || CASE
	WHEN d.line = 'C' THEN CASE WHEN d.x2 < 0.35 THEN '2' WHEN d.x2 < 0.65 AND d.opened_on < '2025-07-01' THEN '3' ELSE '1' END
	WHEN d.line = 'D' THEN CASE WHEN d.x2 < 0.25 THEN '2' WHEN d.x2 < 0.50 AND d.opened_on >= '2026-04-01' THEN '3' ELSE '1' END
	ELSE CASE WHEN d.x2 < 0.35 THEN '2' ELSE '1' END END
CROSS JOIN LATERAL (SELECT pg_temp.u(d.label || ' quantity') AS x) AS y
CROSS JOIN LATERAL (SELECT (1 + floor(y.x * y.x * y.x * CASE d.customer_class WHEN '战略' THEN 8 WHEN '重点' THEN 5 ELSE 3 END)::int)
				* CASE WHEN g.list_price < 20000 THEN 3 ELSE 1 END AS quantity) AS q;
CREATE UNIQUE INDEX ON deal (opportunity_id);
ANALYZE deal;

-- Each truth turns a share of the deals its slice would have won into lost
-- ones: every third or so along the deals sorted by size, so that the amount
-- lost is close to the intended share.  Later truths act on what earlier
-- ones have left.
CREATE TABLE crm.planted_loss (
	opportunity_id text PRIMARY KEY,
	truth_id text NOT NULL REFERENCES crm.planted_truth,
	amount numeric NOT NULL
);
COMMENT ON TABLE crm.planted_loss IS 'the opportunities that a planted truth turned from won into lost';
COMMENT ON COLUMN crm.planted_loss.opportunity_id IS 'the lost opportunity';
COMMENT ON COLUMN crm.planted_loss.truth_id IS 'the truth that took it (planted_truth)';
COMMENT ON COLUMN crm.planted_loss.amount IS 'the contract amount it would have brought';

CREATE FUNCTION pg_temp.plant(truth text) RETURNS void LANGUAGE sql AS $$
	WITH slice AS (
		SELECT d.opportunity_id, d.amount, -t.effect AS share,
			   row_number() OVER (ORDER BY u.parent_id COLLATE "C", d.line COLLATE "C", d.amount DESC, d.opportunity_id COLLATE "C") AS nth
		FROM crm.planted_truth t, deal d
		JOIN crm.org_unit u ON u.unit_id = d.team
		WHERE t.truth_id = truth AND d.would_win AND d.lost_by IS NULL
		  AND d.closed_on >= t.valid_from AND d.closed_on < t.valid_to
		  AND d.closed_on <= (SELECT as_of FROM crm.dataset)
		  AND (t.kind <> 'region_product' OR (u.parent_id = t.region_id AND d.line = t.product_line))
		  AND (t.kind <> 'person' OR d.person_id = t.person_id)
	), loss AS (
		INSERT INTO crm.planted_loss
		SELECT opportunity_id, truth, amount FROM slice WHERE floor(nth * share + 0.5) > floor((nth - 1) * share + 0.5)
		RETURNING opportunity_id, amount
	), measured AS (
		UPDATE crm.planted_truth
		SET amount_without = (SELECT sum(amount) FROM slice), amount_lost = (SELECT sum(amount) FROM loss)
		WHERE truth_id = truth
	)
	UPDATE deal SET lost_by = truth FROM loss WHERE deal.opportunity_id = loss.opportunity_id;
$$;
SELECT pg_temp.plant(truth_id) FROM unnest(ARRAY['market-fall', 'east-a', 'weak-person']) AS truth_id \g /dev/null

----------------------------------------------------------------------
-- Keys written wrongly: what was typed instead of the key
----------------------------------------------------------------------

CREATE TABLE crm.dirty_key (
	opportunity_id text NOT NULL,
	kind text NOT NULL CHECK (kind IN ('person', 'product')),
	true_key text NOT NULL,
	written text,
	PRIMARY KEY (opportunity_id, kind)
);
INSERT INTO crm.dirty_key
SELECT d.opportunity_id, 'person', d.person_id,
	   CASE WHEN x < 0.30 THEN d.person_id || ' ' WHEN x < 0.50 THEN lower(d.person_id)
			WHEN x < 0.65 THEN 'Ｐ' || substr(d.person_id, 2) WHEN x < 0.75 THEN '  ' || d.person_id
			WHEN x < 0.90 THEN NULL ELSE 'P9999' END
FROM deal d CROSS JOIN LATERAL (SELECT pg_temp.u(d.label || ' how') AS x) AS h
WHERE pg_temp.u(d.label || ' dirty') < 0.012
UNION ALL
SELECT d.opportunity_id, 'product', d.product_id,
	   CASE WHEN x < 0.25 THEN d.product_id || ' ' WHEN x < 0.45 THEN lower(d.product_id)
			WHEN x < 0.65 THEN d.line || '-' || right(d.product_id, 1)
			WHEN x < 0.85 THEN (SELECT product_name FROM crm.product p WHERE p.product_id = d.product_id)
			ELSE 'X9' END
FROM deal d CROSS JOIN LATERAL (SELECT pg_temp.u(d.label || ' how 2') AS x) AS h
WHERE pg_temp.u(d.label || ' dirty 2') < 0.012
ORDER BY 1, 2;

COMMENT ON TABLE crm.dirty_key IS 'where a person or product key was written wrongly, and the true one: for tests only, a real CRM has no such table';
COMMENT ON COLUMN crm.dirty_key.opportunity_id IS 'the opportunity (and its contract)';
COMMENT ON COLUMN crm.dirty_key.kind IS 'which key: person or product';
COMMENT ON COLUMN crm.dirty_key.true_key IS 'what should have been written';
COMMENT ON COLUMN crm.dirty_key.written IS 'what was; NULL: nothing';

CREATE TABLE crm.key_alias (
	kind text NOT NULL CHECK (kind IN ('person', 'product')),
	from_key text NOT NULL,
	to_key text NOT NULL,
	PRIMARY KEY (kind, from_key)
);
INSERT INTO crm.key_alias
SELECT DISTINCT kind COLLATE "C", written COLLATE "C", true_key
FROM crm.dirty_key
WHERE written LIKE 'Ｐ%' OR (kind = 'product' AND upper(trim(written)) <> true_key AND written <> 'X9')
ORDER BY 1, 2;

COMMENT ON TABLE crm.key_alias IS 'the other spellings that sales operations know of';
COMMENT ON COLUMN crm.key_alias.kind IS 'person or product';
COMMENT ON COLUMN crm.key_alias.from_key IS 'what people write';
COMMENT ON COLUMN crm.key_alias.to_key IS 'the key they mean';

----------------------------------------------------------------------
-- Opportunities and their stages, as the CRM shows them on the last day
----------------------------------------------------------------------

CREATE TABLE crm.stage (
	stage text PRIMARY KEY,
	stage_name text NOT NULL,
	step int NOT NULL,
	is_open boolean NOT NULL,
	probability numeric NOT NULL
);
INSERT INTO crm.stage VALUES
	('S1', '初步接洽', 1, true, 0.10), ('S2', '需求确认', 2, true, 0.25), ('S3', '方案报价', 3, true, 0.45),
	('S4', '商务谈判', 4, true, 0.70), ('WON', '赢单', 5, false, 1), ('LOST', '输单', 5, false, 0);

COMMENT ON TABLE crm.stage IS 'the steps of a sale';
COMMENT ON COLUMN crm.stage.stage IS 'key';
COMMENT ON COLUMN crm.stage.stage_name IS 'first contact, need confirmed, offer, negotiation, won, lost';
COMMENT ON COLUMN crm.stage.step IS 'order of the steps';
COMMENT ON COLUMN crm.stage.is_open IS 'whether a deal in this stage is still open';
COMMENT ON COLUMN crm.stage.probability IS 'what the company''s rule book says; the data says otherwise';

-- won deals pass all four stages, lost ones one to four of them
CREATE TEMP TABLE deal_stage ON COMMIT DROP AS
WITH course AS (
	SELECT opportunity_id, label, opened_on, closed_on, cycle, lost_by, would_win AND lost_by IS NULL AS won,
		   CASE WHEN would_win THEN 4 WHEN x < 0.30 THEN 1 WHEN x < 0.60 THEN 2 WHEN x < 0.85 THEN 3 ELSE 4 END AS steps
	FROM deal, LATERAL (SELECT pg_temp.u(label || ' lost at') AS x) AS l
)
SELECT opportunity_id, s AS step,
	   CASE WHEN s <= steps THEN 'S' || s WHEN won THEN 'WON' ELSE 'LOST' END AS stage,
	   CASE WHEN s = 1 THEN opened_on WHEN s > steps THEN closed_on
			ELSE opened_on + floor(cycle * (s - 1 + 0.6 * (pg_temp.u(label || ' stage ' || s) - 0.5)) / steps)::int END AS entered_on
FROM course, generate_series(1, steps + 1) AS s;
CREATE UNIQUE INDEX ON deal_stage (opportunity_id, step);
ANALYZE deal_stage;

CREATE TABLE crm.opportunity (
	opportunity_id text PRIMARY KEY,
	account_id text NOT NULL,
	person_id text,
	product_id text,
	quantity int NOT NULL,
	amount numeric,
	stage text NOT NULL,
	opened_on date NOT NULL,
	expected_close_on date NOT NULL,
	closed_on date,
	loss_reason text
);
INSERT INTO crm.opportunity
SELECT d.opportunity_id, d.account_id,
	   CASE WHEN who.kind IS NULL THEN d.person_id ELSE who.written END,
	   CASE WHEN what.kind IS NULL THEN d.product_id ELSE what.written END,
	   d.quantity,
	   CASE WHEN s.stage = 'S1' AND pg_temp.u(d.label || ' amount') < 0.3 THEN NULL ELSE d.amount END,
	   s.stage, d.opened_on, d.closed_on + floor(pg_temp.u(d.label || ' hope') * 50)::int - 35,
	   CASE WHEN d.closed_on <= ds.as_of THEN d.closed_on END,
	   CASE WHEN s.stage = 'LOST' THEN
			CASE d.lost_by WHEN 'east-a' THEN '竞品降价' WHEN 'market-fall' THEN '客户预算冻结' WHEN 'weak-person' THEN '跟进不及时'
			ELSE (ARRAY['价格', '竞品', '预算', '需求取消', '无回应'])[1 + floor(pg_temp.u(d.label || ' why') * 5)::int] END END
FROM deal d
CROSS JOIN crm.dataset ds
JOIN LATERAL (SELECT stage FROM deal_stage h
			  WHERE h.opportunity_id = d.opportunity_id AND h.entered_on <= ds.as_of
			  ORDER BY h.step DESC LIMIT 1) AS s ON true
LEFT JOIN crm.dirty_key who ON who.opportunity_id = d.opportunity_id AND who.kind = 'person'
LEFT JOIN crm.dirty_key what ON what.opportunity_id = d.opportunity_id AND what.kind = 'product'
ORDER BY 1;

COMMENT ON TABLE crm.opportunity IS 'sales opportunities: the pipeline';
COMMENT ON COLUMN crm.opportunity.opportunity_id IS 'key, by date of opening';
COMMENT ON COLUMN crm.opportunity.account_id IS 'the customer (account)';
COMMENT ON COLUMN crm.opportunity.person_id IS 'the owner, as typed: most are keys of salesperson, some are misspelled, unknown or missing';
COMMENT ON COLUMN crm.opportunity.product_id IS 'the product, as typed: most are keys of product';
COMMENT ON COLUMN crm.opportunity.quantity IS 'pieces';
COMMENT ON COLUMN crm.opportunity.amount IS 'what it will bring if won; NULL: not known yet';
COMMENT ON COLUMN crm.opportunity.stage IS 'where it stands on the last day (stage)';
COMMENT ON COLUMN crm.opportunity.opened_on IS 'day it was opened';
COMMENT ON COLUMN crm.opportunity.expected_close_on IS 'when its owner hoped to close it';
COMMENT ON COLUMN crm.opportunity.closed_on IS 'day it was won or lost; NULL: open';
COMMENT ON COLUMN crm.opportunity.loss_reason IS 'why it was lost';

CREATE TABLE crm.stage_history (
	opportunity_id text NOT NULL,
	step int NOT NULL,
	stage text NOT NULL,
	entered_on date NOT NULL,
	left_on date,
	PRIMARY KEY (opportunity_id, step)
);
INSERT INTO crm.stage_history
SELECT opportunity_id, step, stage, entered_on, lead(entered_on) OVER (PARTITION BY opportunity_id ORDER BY step)
FROM deal_stage WHERE entered_on <= (SELECT as_of FROM crm.dataset)
ORDER BY 1, 2;

COMMENT ON TABLE crm.stage_history IS 'when each opportunity entered each stage';
COMMENT ON COLUMN crm.stage_history.opportunity_id IS 'the opportunity';
COMMENT ON COLUMN crm.stage_history.step IS 'first, second … stage of this opportunity';
COMMENT ON COLUMN crm.stage_history.stage IS 'the stage entered (stage)';
COMMENT ON COLUMN crm.stage_history.entered_on IS 'day it was entered';
COMMENT ON COLUMN crm.stage_history.left_on IS 'day the next stage was entered; NULL: it is the present one';

----------------------------------------------------------------------
-- Leads: most opportunities began as one, most leads came to nothing
----------------------------------------------------------------------

CREATE TABLE crm.lead (
	lead_id text PRIMARY KEY,
	source text NOT NULL,
	campaign_id text,
	person_id text NOT NULL,
	account_id text,
	opportunity_id text,
	created_on date NOT NULL,
	status text NOT NULL,
	closed_on date
);
INSERT INTO crm.lead
SELECT 'L' || lpad(row_number() OVER (ORDER BY l.created_on, l.label COLLATE "C")::text, 6, '0'),
	   CASE WHEN c.campaign_id IS NOT NULL THEN '市场活动'
			ELSE (ARRAY['官网', '转介绍', '电话', '广告'])[1 + floor(pg_temp.u(l.label || ' source') * 4)::int] END,
	   c.campaign_id, l.person_id, l.account_id, l.opportunity_id, l.created_on, l.status,
	   CASE WHEN l.status IN ('已转化', '无效') THEN l.closed_on END
FROM (SELECT d.label || ' lead' AS label, d.team, d.line, d.opened_by AS person_id, d.account_id, d.opportunity_id,
			 w.last_workday AS created_on, '已转化' AS status, d.opened_on AS closed_on
	  FROM deal d JOIN day w ON w.day = d.opened_on - 3 - floor(pg_temp.u(d.label || ' lead age') * 40)::int
	  WHERE pg_temp.u(d.label || ' had lead') < 0.8 AND w.last_workday >= d.hired
	  UNION ALL
	  SELECT x.label, x.home, x.line, x.person_id, NULL, NULL, x.created_on,
			 CASE WHEN x.closed_on <= x.as_of THEN '无效' WHEN x.created_on > x.as_of - 10 THEN '新建' ELSE '跟进中' END, x.closed_on
	  FROM (SELECT l.label, p.home, p.person_id, w.last_workday AS created_on, ds.as_of,
				   w.last_workday + 5 + floor(pg_temp.u(l.label || ' age') * 60)::int AS closed_on,
				   substr('ABCDE', 1 + floor(pg_temp.u(l.label || ' line') * 5)::int, 1) AS line
			FROM crm.dataset ds
			CROSS JOIN person p
			JOIN month m ON m.first_day >= '2023-12-01' AND m.first_day <= ds.as_of
			CROSS JOIN generate_series(1, 6) AS s
			CROSS JOIN LATERAL (SELECT 'lead ' || p.person_id || ' ' || m.month_no || ' ' || s AS label) AS l
			JOIN day w ON w.day = m.first_day + floor(pg_temp.u(l.label || ' day') * 30)::int
			WHERE p.sells AND pg_temp.u(l.label) * 6 < 4.5 * m.season
			  AND w.last_workday >= p.hired AND w.last_workday < coalesce(p.left_on, '9999-01-01')
			  AND w.last_workday <= ds.as_of) AS x) AS l
LEFT JOIN LATERAL (
	-- a recent campaign of the region for the same line may have brought it
	SELECT c.campaign_id FROM crm.campaign c JOIN crm.org_unit u ON u.parent_id = c.region_id
	WHERE u.unit_id = l.team AND c.product_line = l.line
	  AND c.started_on BETWEEN l.created_on - 45 AND l.created_on AND pg_temp.u(l.label || ' campaign') < 0.8
	ORDER BY c.started_on DESC, c.campaign_id COLLATE "C" LIMIT 1) AS c ON true
ORDER BY 1;

COMMENT ON TABLE crm.lead IS 'leads: somebody might want to buy';
COMMENT ON COLUMN crm.lead.lead_id IS 'key, by date of creation';
COMMENT ON COLUMN crm.lead.source IS '市场活动 campaign, 官网 web site, 转介绍 referral, 电话 telephone, 广告 advertisement';
COMMENT ON COLUMN crm.lead.campaign_id IS 'the campaign it came from; NULL: none';
COMMENT ON COLUMN crm.lead.person_id IS 'who works on it (salesperson)';
COMMENT ON COLUMN crm.lead.account_id IS 'the account, known once converted';
COMMENT ON COLUMN crm.lead.opportunity_id IS 'the opportunity it became; NULL: none';
COMMENT ON COLUMN crm.lead.created_on IS 'day it came in';
COMMENT ON COLUMN crm.lead.status IS '新建 new, 跟进中 in work, 已转化 converted, 无效 came to nothing';
COMMENT ON COLUMN crm.lead.closed_on IS 'day it was converted or given up; NULL: neither yet';

----------------------------------------------------------------------
-- Contracts, returns, shared deals
----------------------------------------------------------------------

CREATE TABLE crm.contract (
	contract_id text PRIMARY KEY,
	kind text NOT NULL CHECK (kind IN ('销售', '退货')),
	opportunity_id text NOT NULL,
	returns_contract_id text,
	account_id text NOT NULL,
	person_id text,
	product_id text,
	quantity int NOT NULL,
	amount numeric NOT NULL,
	cost numeric NOT NULL,
	signed_on date NOT NULL
);
INSERT INTO crm.contract
WITH sale AS (
	SELECT o.*, d.label, g.unit_cost, d.person_id AS true_person, d.team
	FROM crm.opportunity o
	JOIN deal d USING (opportunity_id)
	JOIN crm.product g ON g.product_id = d.product_id
	WHERE o.stage = 'WON'
), numbered AS (
	SELECT 'HT' || extract(year FROM closed_on)::int || '-'
		   || lpad(row_number() OVER (PARTITION BY extract(year FROM closed_on) ORDER BY closed_on, opportunity_id COLLATE "C")::text, 5, '0') AS contract_id,
		   sale.* FROM sale
)
SELECT contract_id, '销售', opportunity_id, NULL, account_id, person_id, product_id, quantity, amount, unit_cost * quantity, closed_on
FROM numbered
UNION ALL
-- one in thirty comes back within three months, half of those in part
SELECT n.contract_id || '-R', '退货', n.opportunity_id, n.contract_id, n.account_id, n.person_id, n.product_id,
	   -r.pieces, -round(n.amount * r.pieces / n.quantity, 2), -n.unit_cost * r.pieces, w.last_workday
FROM numbered n
CROSS JOIN LATERAL (SELECT CASE WHEN pg_temp.u(n.label || ' all') < 0.5 THEN n.quantity
								ELSE 1 + floor(pg_temp.u(n.label || ' pieces') * n.quantity)::int END AS pieces) AS r
JOIN day w ON w.day = n.closed_on + 15 + floor(pg_temp.u(n.label || ' returned after') * 75)::int
WHERE pg_temp.u(n.label || ' returned') < 0.033 AND w.last_workday <= (SELECT as_of FROM crm.dataset)
ORDER BY 1;

COMMENT ON TABLE crm.contract IS 'signed contracts, and returns as negative ones';
COMMENT ON COLUMN crm.contract.contract_id IS 'contract number; a return''s ends in -R';
COMMENT ON COLUMN crm.contract.kind IS '销售 sale, 退货 return';
COMMENT ON COLUMN crm.contract.opportunity_id IS 'the opportunity that was won';
COMMENT ON COLUMN crm.contract.returns_contract_id IS 'for a return: the contract it takes back from';
COMMENT ON COLUMN crm.contract.account_id IS 'the customer (account)';
COMMENT ON COLUMN crm.contract.person_id IS 'the owner, as typed in the opportunity; contract_split says who shares it';
COMMENT ON COLUMN crm.contract.product_id IS 'the product, as typed in the opportunity';
COMMENT ON COLUMN crm.contract.quantity IS 'pieces, negative for returns';
COMMENT ON COLUMN crm.contract.amount IS 'amount, negative for returns';
COMMENT ON COLUMN crm.contract.cost IS 'cost of the pieces, negative for returns';
COMMENT ON COLUMN crm.contract.signed_on IS 'day it was signed, or the goods came back';

-- one deal in sixteen is shared with a colleague of the same team; his share
-- is rounded to the cent, the owner has the rest
CREATE TABLE crm.contract_split (
	contract_id text NOT NULL,
	person_id text NOT NULL,
	share numeric NOT NULL CHECK (share > 0 AND share < 1),
	amount numeric NOT NULL,
	PRIMARY KEY (contract_id, person_id)
);
INSERT INTO crm.contract_split
WITH shared AS (
	SELECT c.contract_id, c.amount, d.person_id, p.person_id AS partner,
		   (ARRAY[0.3, 0.4, 0.5])[1 + floor(pg_temp.u(d.label || ' share') * 3)::int] AS partner_share
	FROM crm.contract c
	JOIN deal d USING (opportunity_id)
	JOIN LATERAL (SELECT m.person_id FROM crm.membership m JOIN crm.salesperson s USING (person_id)
				  WHERE m.unit_id = d.team AND m.person_id <> d.person_id AND s.carries_quota
					AND d.closed_on >= m.valid_from AND (m.valid_to IS NULL OR d.closed_on < m.valid_to)
				  ORDER BY pg_temp.u(d.label || ' partner ' || m.person_id), m.person_id COLLATE "C" LIMIT 1) AS p ON true
	WHERE pg_temp.u(d.label || ' shared') < 0.0625
	  AND d.opportunity_id NOT IN (SELECT opportunity_id FROM crm.dirty_key WHERE kind = 'person')
)
SELECT contract_id, person_id, 1 - partner_share, amount - round(amount * partner_share, 2) FROM shared
UNION ALL
SELECT contract_id, partner, partner_share, round(amount * partner_share, 2) FROM shared
ORDER BY 1, 3 DESC, 2;

COMMENT ON TABLE crm.contract_split IS 'contracts that two people share: two rows each; the others belong to their owner alone';
COMMENT ON COLUMN crm.contract_split.contract_id IS 'the contract';
COMMENT ON COLUMN crm.contract_split.person_id IS 'who shares it (salesperson)';
COMMENT ON COLUMN crm.contract_split.share IS 'the part of it; one contract''s sum to 1';
COMMENT ON COLUMN crm.contract_split.amount IS 'the amount credited; one contract''s sum to its amount';

CREATE VIEW crm.sale AS
SELECT c.contract_id, c.kind, c.signed_on, coalesce(s.person_id, c.person_id) AS person_id, c.product_id, c.account_id,
	   c.quantity * coalesce(s.share, 1) AS quantity,
	   coalesce(s.amount, c.amount) AS amount,
	   c.cost * coalesce(s.share, 1) AS cost
FROM crm.contract c LEFT JOIN crm.contract_split s USING (contract_id);

COMMENT ON VIEW crm.sale IS 'contracts by the people credited: one row per contract, two where it is shared; sums to contract';
COMMENT ON COLUMN crm.sale.contract_id IS 'the contract';
COMMENT ON COLUMN crm.sale.kind IS '销售 sale, 退货 return';
COMMENT ON COLUMN crm.sale.signed_on IS 'day it was signed, or the goods came back';
COMMENT ON COLUMN crm.sale.person_id IS 'the person credited, as typed where the deal is not shared';
COMMENT ON COLUMN crm.sale.product_id IS 'the product, as typed';
COMMENT ON COLUMN crm.sale.account_id IS 'the customer (account)';
COMMENT ON COLUMN crm.sale.quantity IS 'pieces credited';
COMMENT ON COLUMN crm.sale.amount IS 'amount credited';
COMMENT ON COLUMN crm.sale.cost IS 'cost credited';

----------------------------------------------------------------------
-- Receivables and payments
----------------------------------------------------------------------

CREATE TABLE crm.receivable (
	receivable_id text PRIMARY KEY,
	contract_id text NOT NULL,
	account_id text NOT NULL,
	due_on date NOT NULL,
	amount numeric NOT NULL
);
INSERT INTO crm.receivable
SELECT c.contract_id || '/' || i.n, c.contract_id, c.account_id, c.signed_on + i.days,
	   -- cumulative rounding: instalments sum to the contract
	   round(c.amount * i.upto, 2) - round(c.amount * i.before, 2)
FROM crm.contract c
JOIN (VALUES ('one', 1, 30, 0.0, 1.0), ('two', 1, 7, 0.0, 0.3), ('two', 2, 60, 0.3, 1.0),
			 ('three', 1, 7, 0.0, 0.3), ('three', 2, 60, 0.3, 0.9), ('three', 3, 365, 0.9, 1.0)) AS i(terms, n, days, before, upto)
  ON i.terms = CASE WHEN c.amount < 50000 THEN 'one' WHEN c.amount < 300000 THEN 'two' ELSE 'three' END
ORDER BY c.contract_id COLLATE "C", i.n;

COMMENT ON TABLE crm.receivable IS 'instalments due: one, two, or three with a tenth kept for a year (质保金); returns are negative';
COMMENT ON COLUMN crm.receivable.receivable_id IS 'key: contract and number of the instalment';
COMMENT ON COLUMN crm.receivable.contract_id IS 'the contract';
COMMENT ON COLUMN crm.receivable.account_id IS 'who owes it (account)';
COMMENT ON COLUMN crm.receivable.due_on IS 'when it is due, also after the last day of the data';
COMMENT ON COLUMN crm.receivable.amount IS 'amount due; one contract''s sum to its amount';

CREATE TABLE crm.payment (
	payment_id text PRIMARY KEY,
	receivable_id text NOT NULL,
	paid_on date NOT NULL,
	amount numeric NOT NULL
);
INSERT INTO crm.payment
SELECT r.receivable_id || '-' || p.n, r.receivable_id, w.last_workday,
	   CASE WHEN NOT p.in_parts THEN r.amount WHEN p.n = 1 THEN round(r.amount * 0.6, 2) ELSE r.amount - round(r.amount * 0.6, 2) END
FROM crm.receivable r
JOIN crm.account a USING (account_id)
CROSS JOIN LATERAL (SELECT pg_temp.u('pay ' || r.receivable_id || ' late') AS x,
						   pg_temp.u('pay ' || r.receivable_id || ' parts') < 0.06 AS in_parts) AS y
CROSS JOIN LATERAL (SELECT n, y.in_parts FROM generate_series(1, CASE WHEN y.in_parts THEN 2 ELSE 1 END) AS n) AS p
JOIN day w ON w.day = r.due_on + (p.n - 1) * 40
					  + floor(y.x * y.x * CASE a.customer_class WHEN '战略' THEN 75 WHEN '重点' THEN 50 ELSE 35 END)::int - 5
WHERE w.last_workday <= (SELECT as_of FROM crm.dataset)
  AND pg_temp.u('pay ' || r.receivable_id || ' never') >= 0.015
ORDER BY 1;

COMMENT ON TABLE crm.payment IS 'what was paid: most instalments whole, some in two parts, a few never; returns are paid back';
COMMENT ON COLUMN crm.payment.payment_id IS 'key';
COMMENT ON COLUMN crm.payment.receivable_id IS 'the instalment';
COMMENT ON COLUMN crm.payment.paid_on IS 'day the money came';
COMMENT ON COLUMN crm.payment.amount IS 'amount paid, negative when paid back';

----------------------------------------------------------------------
-- Visits and satisfaction
----------------------------------------------------------------------

CREATE TABLE crm.visit (
	visit_id text PRIMARY KEY,
	person_id text NOT NULL,
	account_id text NOT NULL,
	opportunity_id text,
	visited_on date NOT NULL,
	kind text NOT NULL
);
INSERT INTO crm.visit
SELECT 'V' || lpad(row_number() OVER (ORDER BY v.visited_on, v.label COLLATE "C")::text, 6, '0'),
	   v.person_id, v.account_id, v.opportunity_id, v.visited_on,
	   (ARRAY['上门拜访', '上门拜访', '电话', '线上会议'])[1 + floor(pg_temp.u(v.label || ' kind') * 4)::int]
FROM (SELECT d.label || ' visit ' || n AS label,
			 CASE WHEN w.last_workday >= d.left_on THEN d.person_id ELSE d.opened_by END AS person_id, d.account_id, d.opportunity_id, w.last_workday AS visited_on
	  FROM deal d
	  CROSS JOIN generate_series(1, 3) AS n
	  JOIN day w ON w.day = d.opened_on + floor((n - 1 + pg_temp.u(d.label || ' visit on ' || n)) * d.cycle / 3)::int
	  WHERE pg_temp.u(d.label || ' visit ' || n) < CASE WHEN d.would_win THEN 0.85 ELSE 0.55 END
		AND w.last_workday >= d.opened_on
	  UNION ALL
	  SELECT x.label, x.person_id, t.account_id, NULL, x.visited_on
	  FROM (SELECT l.label, m.person_id, m.unit_id, w.last_workday AS visited_on, mo.month_no
			FROM crm.membership m
			JOIN person p ON p.person_id = m.person_id AND p.sells
			CROSS JOIN month mo
			CROSS JOIN generate_series(1, 4) AS n
			CROSS JOIN LATERAL (SELECT 'visit ' || m.person_id || ' ' || mo.month_no || ' ' || n AS label) AS l
			JOIN day w ON w.day = mo.first_day + floor(pg_temp.u(l.label || ' day') * 30)::int
			WHERE mo.first_day >= '2024-01-01' AND pg_temp.u(l.label) < 0.7
			  AND w.last_workday >= greatest(m.valid_from, mo.first_day) AND (m.valid_to IS NULL OR w.last_workday < m.valid_to)) AS x
	  JOIN territory_size z ON z.unit_id = x.unit_id AND z.month_no = x.month_no
	  JOIN territory t ON t.unit_id = x.unit_id AND t.nth = 1 + floor(pg_temp.u(x.label || ' account') * z.accounts)::int) AS v
WHERE v.visited_on BETWEEN '2024-01-01' AND (SELECT as_of FROM crm.dataset)
ORDER BY 1;

COMMENT ON TABLE crm.visit IS 'visits, calls and meetings since 2024';
COMMENT ON COLUMN crm.visit.visit_id IS 'key, by date';
COMMENT ON COLUMN crm.visit.person_id IS 'who went (salesperson)';
COMMENT ON COLUMN crm.visit.account_id IS 'whom they saw (account)';
COMMENT ON COLUMN crm.visit.opportunity_id IS 'the opportunity it was about; NULL: none';
COMMENT ON COLUMN crm.visit.visited_on IS 'day';
COMMENT ON COLUMN crm.visit.kind IS '上门拜访 visit, 电话 call, 线上会议 online meeting';

CREATE TABLE crm.nps_answer (
	contract_id text PRIMARY KEY,
	account_id text NOT NULL,
	answered_on date NOT NULL,
	score int NOT NULL CHECK (score BETWEEN 0 AND 10)
);
INSERT INTO crm.nps_answer
SELECT c.contract_id, c.account_id, c.signed_on + 30 + floor(pg_temp.u(c.contract_id || ' nps on') * 30)::int,
	   least(10, greatest(0, CASE WHEN r.contract_id IS NOT NULL THEN 3 ELSE 7 END
		   + floor((pg_temp.u(c.contract_id || ' nps a') + pg_temp.u(c.contract_id || ' nps b')) * 4)::int - 2))
FROM crm.contract c
LEFT JOIN crm.contract r ON r.returns_contract_id = c.contract_id
WHERE c.kind = '销售' AND pg_temp.u(c.contract_id || ' nps') < 0.25
  AND c.signed_on + 30 + floor(pg_temp.u(c.contract_id || ' nps on') * 30)::int <= (SELECT as_of FROM crm.dataset)
ORDER BY 1;

COMMENT ON TABLE crm.nps_answer IS 'answers to "would you recommend us?", one to two months after a contract';
COMMENT ON COLUMN crm.nps_answer.contract_id IS 'the contract asked about';
COMMENT ON COLUMN crm.nps_answer.account_id IS 'the customer who answered (account)';
COMMENT ON COLUMN crm.nps_answer.answered_on IS 'day of the answer';
COMMENT ON COLUMN crm.nps_answer.score IS '0 (never) to 10 (surely): 9 and 10 are promoters, 0 to 6 detractors';

----------------------------------------------------------------------
-- Keys and indexes, once the rows are there
----------------------------------------------------------------------

ALTER TABLE crm.planted_truth ADD FOREIGN KEY (region_id) REFERENCES crm.org_unit,
							  ADD FOREIGN KEY (person_id) REFERENCES crm.salesperson;
ALTER TABLE crm.opportunity ADD FOREIGN KEY (account_id) REFERENCES crm.account, ADD FOREIGN KEY (stage) REFERENCES crm.stage;
ALTER TABLE crm.planted_loss ADD FOREIGN KEY (opportunity_id) REFERENCES crm.opportunity;
ALTER TABLE crm.dirty_key ADD FOREIGN KEY (opportunity_id) REFERENCES crm.opportunity;
ALTER TABLE crm.stage_history ADD FOREIGN KEY (opportunity_id) REFERENCES crm.opportunity, ADD FOREIGN KEY (stage) REFERENCES crm.stage;
ALTER TABLE crm.lead ADD FOREIGN KEY (person_id) REFERENCES crm.salesperson, ADD FOREIGN KEY (campaign_id) REFERENCES crm.campaign,
					 ADD FOREIGN KEY (account_id) REFERENCES crm.account, ADD FOREIGN KEY (opportunity_id) REFERENCES crm.opportunity;
ALTER TABLE crm.contract ADD FOREIGN KEY (opportunity_id) REFERENCES crm.opportunity, ADD FOREIGN KEY (account_id) REFERENCES crm.account,
						 ADD FOREIGN KEY (returns_contract_id) REFERENCES crm.contract;
ALTER TABLE crm.contract_split ADD FOREIGN KEY (contract_id) REFERENCES crm.contract, ADD FOREIGN KEY (person_id) REFERENCES crm.salesperson;
ALTER TABLE crm.receivable ADD FOREIGN KEY (contract_id) REFERENCES crm.contract, ADD FOREIGN KEY (account_id) REFERENCES crm.account;
ALTER TABLE crm.payment ADD FOREIGN KEY (receivable_id) REFERENCES crm.receivable;
ALTER TABLE crm.visit ADD FOREIGN KEY (person_id) REFERENCES crm.salesperson, ADD FOREIGN KEY (account_id) REFERENCES crm.account,
					  ADD FOREIGN KEY (opportunity_id) REFERENCES crm.opportunity;
ALTER TABLE crm.nps_answer ADD FOREIGN KEY (contract_id) REFERENCES crm.contract, ADD FOREIGN KEY (account_id) REFERENCES crm.account;

CREATE INDEX ON crm.opportunity (opened_on);
CREATE INDEX ON crm.opportunity (closed_on);
CREATE INDEX ON crm.contract (signed_on);
CREATE INDEX ON crm.payment (paid_on);
CREATE INDEX ON crm.visit (visited_on);
CREATE INDEX ON crm.lead (created_on);

COMMIT;

DROP FUNCTION pg_temp.plant(text);
DROP FUNCTION pg_temp.u(text);
ANALYZE crm.opportunity, crm.stage_history, crm.lead, crm.contract, crm.contract_split, crm.receivable, crm.payment, crm.visit,
		crm.nps_answer, crm.account, crm.salesperson, crm.membership;
