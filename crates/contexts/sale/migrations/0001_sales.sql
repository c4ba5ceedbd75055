-- Sales, few of them; what is searched by has a column, the rest is one `StoredSale`.
CREATE TABLE sale_sales (
    id {id} NOT NULL PRIMARY KEY,
    shop_id BIGINT NOT NULL,
    stage BIGINT NOT NULL,
    is_paused BIGINT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    body {bytes} NOT NULL
);
CREATE INDEX sale_sales_shop ON sale_sales (shop_id, id);
CREATE INDEX sale_sales_stage ON sale_sales (stage, id);
CREATE INDEX sale_sales_change ON sale_sales (updated_at, id);

-- How many units a sale has and how many of them somebody has. Apart from the sale, because every group of admissions
-- changes it: this count, and no other, is what is promised to buyers.
CREATE TABLE sale_counts (
    sale_id {id} NOT NULL PRIMARY KEY,
    units BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    admission_count BIGINT NOT NULL
);

-- Who was admitted: one row per buyer and sale, for ever. It is also the flow of the order that is made of it.
CREATE TABLE sale_admissions (
    sale_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    units BIGINT NOT NULL,
    state BIGINT NOT NULL,
    network BIGINT NOT NULL,
    device BIGINT NOT NULL,
    PRIMARY KEY (sale_id, account_id)
) {clustered};
-- Those that wait for their order come first to whoever looks for them.
CREATE INDEX sale_admissions_state ON sale_admissions (state, order_id);

-- Admissions that could not be made orders of, for whoever looks after them.
CREATE TABLE sale_dead_letters (
    order_id {id} NOT NULL PRIMARY KEY,
    sale_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    consumer VARCHAR(64) NOT NULL,
    error VARCHAR(500) NOT NULL,
    attempts BIGINT NOT NULL,
    failed_at BIGINT NOT NULL
);

-- What operators have switched; a row that is not there is a switch that nobody has touched.
CREATE TABLE sale_switches (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    is_on BIGINT NOT NULL
) {clustered};
