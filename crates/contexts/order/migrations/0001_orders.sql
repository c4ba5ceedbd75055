-- The truth about orders that may still change. What is searched by has a column; the rest is one `StoredOrder`.
CREATE TABLE order_orders (
    id {id} NOT NULL PRIMARY KEY,
    shop_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    pre_order_id BIGINT,
    state BIGINT NOT NULL,
    payment_state BIGINT NOT NULL,
    version BIGINT NOT NULL,
    placed_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    body {bytes} NOT NULL
);
-- A draft becomes one order.
CREATE UNIQUE INDEX order_orders_pre_order ON order_orders (pre_order_id);

-- Orders that ended long ago: the same columns, out of the way of those that have not.
CREATE TABLE order_archive (
    id {id} NOT NULL PRIMARY KEY,
    shop_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    pre_order_id BIGINT,
    state BIGINT NOT NULL,
    payment_state BIGINT NOT NULL,
    version BIGINT NOT NULL,
    placed_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    body {bytes} NOT NULL
);

-- What somebody has picked at a shop.
CREATE TABLE order_carts (
    customer_id BIGINT NOT NULL,
    shop_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    body {bytes} NOT NULL,
    PRIMARY KEY (customer_id, shop_id)
);
CREATE INDEX order_carts_age ON order_carts (updated_at);

-- Order pages that are open: one per customer and shop, found again from a second tab.
CREATE TABLE order_drafts (
    pre_order_id {id} NOT NULL PRIMARY KEY,
    customer_id BIGINT NOT NULL,
    shop_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    body {bytes} NOT NULL
);
CREATE UNIQUE INDEX order_drafts_page ON order_drafts (customer_id, shop_id);
CREATE INDEX order_drafts_expiry ON order_drafts (expires_at);

-- When somebody placed an order last; kept only where orders have to keep a distance.
CREATE TABLE order_paces (
    customer_id {id} NOT NULL PRIMARY KEY,
    placed_at BIGINT NOT NULL
);

-- The read model: what lists show, of archived orders too. It follows from the orders and can be lost at any time.
CREATE TABLE order_list (
    order_id {id} NOT NULL PRIMARY KEY,
    customer_id BIGINT NOT NULL,
    shop_id BIGINT NOT NULL,
    state BIGINT NOT NULL,
    version BIGINT NOT NULL,
    total_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    unit_count BIGINT NOT NULL,
    shop_name VARCHAR(120) NOT NULL,
    headline VARCHAR(160) NOT NULL,
    phone_digits VARCHAR(16) NOT NULL,
    placed_at BIGINT NOT NULL
);
CREATE INDEX order_list_customer ON order_list (customer_id, state, order_id);
CREATE INDEX order_list_shop ON order_list (shop_id, state, order_id);

-- How many orders of a shop are in each state.
CREATE TABLE order_counts (
    shop_id BIGINT NOT NULL,
    state BIGINT NOT NULL,
    order_count BIGINT NOT NULL,
    PRIMARY KEY (shop_id, state)
) {clustered};

-- Up to which event the read model knows everything.
CREATE TABLE order_progress (
    name VARCHAR(32) NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    occurred_at BIGINT NOT NULL
) {clustered};
