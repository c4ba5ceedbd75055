-- Active orders. Values for queries have columns; everything else is in one `StoredOrder`.
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
-- A draft becomes at most one order.
CREATE UNIQUE INDEX order_orders_pre_order ON order_orders (pre_order_id);

-- Archive of orders that ended long ago, with the same columns.
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

-- Carts, one per customer and shop.
CREATE TABLE order_carts (
    customer_id BIGINT NOT NULL,
    shop_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    body {bytes} NOT NULL,
    PRIMARY KEY (customer_id, shop_id)
);
CREATE INDEX order_carts_age ON order_carts (updated_at);

-- Open drafts, one per customer and shop, so that several browser tabs share one.
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

-- Time of the last order of a customer, if `order.min_interval_per_customer` is set.
CREATE TABLE order_throttles (
    customer_id {id} NOT NULL PRIMARY KEY,
    placed_at BIGINT NOT NULL
);

-- Read model: list entries of active and archived orders. It is derived from the orders and can be rebuilt at any time.
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

-- Number of orders of a shop in each state.
CREATE TABLE order_counts (
    shop_id BIGINT NOT NULL,
    state BIGINT NOT NULL,
    order_count BIGINT NOT NULL,
    PRIMARY KEY (shop_id, state)
) {clustered};

-- Progress of the read model: the last projected event.
CREATE TABLE order_progress (
    name VARCHAR(32) NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    occurred_at BIGINT NOT NULL
) {clustered};
