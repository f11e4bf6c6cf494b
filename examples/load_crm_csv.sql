-- load_crm_csv.sql: a CRM export of four CSV files into the schema csv_crm
--
--   psql -v folder=/path/to/folder -f examples/load_crm_csv.sql
--
--   accounts.csv        account, sector, year_established, revenue, employees, office_location, subsidiary_of
--   products.csv        product, series, sales_price
--   sales_teams.csv     sales_agent, manager, regional_office
--   sales_pipeline.csv  opportunity_id, sales_agent, product, account, deal_stage, engage_date, close_date, close_value
--
-- Dates may be 2017-03-01 or 3/1/2017 (month first).  The files are read by
-- psql, not by the server, which may have no access to them.  An aliases.csv
-- (kind, from_key, to_key) is read with psql -v aliases=1.

\set ON_ERROR_STOP on
\if :{?folder}
\else
	\echo 'usage: psql -v folder=/path/to/folder -f load_crm_csv.sql'
	\quit
\endif
\if :{?aliases} \else \set aliases 0 \endif

BEGIN;
SET LOCAL DateStyle = 'ISO, YMD';

CREATE SCHEMA csv_crm;
COMMENT ON SCHEMA csv_crm IS 'a CRM export, loaded by examples/load_crm_csv.sql';

CREATE TABLE csv_crm.account (
	account text PRIMARY KEY,
	sector text,
	year_established text,
	revenue text,
	employees text,
	office_location text,
	subsidiary_of text
);
COMMENT ON TABLE csv_crm.account IS 'accounts.csv';

CREATE TABLE csv_crm.product (
	product text PRIMARY KEY,
	series text,
	sales_price numeric
);
COMMENT ON TABLE csv_crm.product IS 'products.csv';

CREATE TABLE csv_crm.sales_team (
	sales_agent text PRIMARY KEY,
	manager text NOT NULL,
	regional_office text NOT NULL
);
COMMENT ON TABLE csv_crm.sales_team IS 'sales_teams.csv';

CREATE TABLE csv_crm.alias (
	kind text NOT NULL CHECK (kind IN ('agent', 'product', 'account')),
	from_key text NOT NULL,
	to_key text NOT NULL,
	PRIMARY KEY (kind, from_key)
);
COMMENT ON TABLE csv_crm.alias IS 'aliases.csv: other spellings, if the folder has the file';

CREATE TEMP TABLE pipeline_text (
	opportunity_id text, sales_agent text, product text, account text,
	deal_stage text, engage_date text, close_date text, close_value text
) ON COMMIT DROP;

\cd :folder
\copy csv_crm.account FROM 'accounts.csv' WITH (FORMAT csv, HEADER true)
\copy csv_crm.product FROM 'products.csv' WITH (FORMAT csv, HEADER true)
\copy csv_crm.sales_team FROM 'sales_teams.csv' WITH (FORMAT csv, HEADER true)
\copy pipeline_text FROM 'sales_pipeline.csv' WITH (FORMAT csv, HEADER true)
\if :aliases
	\copy csv_crm.alias FROM 'aliases.csv' WITH (FORMAT csv, HEADER true)
\endif

-- ISO or month/day/year; anything else is an error that shows the text
CREATE FUNCTION csv_crm.to_day(written text) RETURNS date LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF trim(written) ~ '^\d{4}-\d{1,2}-\d{1,2}([ T].*)?$' THEN
		RETURN to_date(split_part(replace(trim(written), 'T', ' '), ' ', 1), 'YYYY-MM-DD');
	ELSIF trim(written) ~ '^\d{1,2}/\d{1,2}/\d{4}$' THEN
		RETURN to_date(trim(written), 'MM/DD/YYYY');
	ELSIF trim(written) <> '' THEN
		RAISE invalid_datetime_format USING MESSAGE = format('"%s" is no date this script understands', written),
			HINT = 'Dates are 2017-03-01, or 3/1/2017 with the month first.';
	END IF;
	RETURN NULL;
END $$;
COMMENT ON FUNCTION csv_crm.to_day(text) IS 'a date written as 2017-03-01 or 3/1/2017 (month first); empty: NULL';

CREATE TABLE csv_crm.opportunity (
	opportunity_id text PRIMARY KEY,
	sales_agent text,
	product text,
	account text,
	deal_stage text NOT NULL,
	engage_date date,
	close_date date,
	close_value numeric
);
COMMENT ON TABLE csv_crm.opportunity IS 'sales_pipeline.csv, its keys as they were typed';
INSERT INTO csv_crm.opportunity
SELECT opportunity_id, sales_agent, product, account, trim(deal_stage), csv_crm.to_day(engage_date), csv_crm.to_day(close_date),
	   translate(nullif(trim(close_value), ''), '$,', '')::numeric
FROM pipeline_text;

COMMIT;
