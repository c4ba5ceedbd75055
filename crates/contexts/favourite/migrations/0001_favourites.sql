-- Shops and products that an account has marked; product 0 is the shop itself.
CREATE TABLE favourite_marks (
    account_id BIGINT NOT NULL,
    shop_id BIGINT NOT NULL,
    product_id BIGINT NOT NULL,
    marked_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, shop_id, product_id)
) {clustered};
CREATE INDEX favourite_marks_page ON favourite_marks (account_id, marked_at, shop_id, product_id);
CREATE INDEX favourite_marks_subject ON favourite_marks (shop_id, product_id);

-- Number of marks of an account; it bounds them.
CREATE TABLE favourite_accounts (
    account_id BIGINT NOT NULL PRIMARY KEY,
    mark_count BIGINT NOT NULL
) {clustered};

-- Number of accounts that have marked a shop or a product.
CREATE TABLE favourite_counts (
    shop_id BIGINT NOT NULL,
    product_id BIGINT NOT NULL,
    account_count BIGINT NOT NULL,
    PRIMARY KEY (shop_id, product_id)
) {clustered};
