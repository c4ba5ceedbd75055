-- The stations of a shop, in the order of the kitchen, as one `Stations`.
CREATE TABLE kitchen_stations (
    shop_id {id} NOT NULL PRIMARY KEY,
    stations {bytes} NOT NULL
);

-- What a station makes for an order. What is searched by has a column; the rest is one `StoredTicket`.
CREATE TABLE kitchen_tickets (
    id {id} NOT NULL PRIMARY KEY,
    shop_id BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    station VARCHAR(40) NOT NULL,
    state BIGINT NOT NULL,
    unit_count BIGINT NOT NULL,
    details {bytes} NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX kitchen_tickets_order ON kitchen_tickets (order_id, station);
CREATE INDEX kitchen_tickets_shop ON kitchen_tickets (shop_id, state, id);
CREATE INDEX kitchen_tickets_station ON kitchen_tickets (shop_id, station, state, id);

-- How far the tickets of an order are, and what was told of it. Every change of a ticket changes its order's row too, so the
-- version keeps two stations from deciding on what the other is changing. An order that was cancelled before it came has a
-- row without tickets, so that it is not made when it comes.
CREATE TABLE kitchen_orders (
    order_id {id} NOT NULL PRIMARY KEY,
    shop_id BIGINT NOT NULL,
    ticket_count BIGINT NOT NULL,
    started_count BIGINT NOT NULL,
    ready_count BIGINT NOT NULL,
    is_started_told BIGINT NOT NULL,
    is_ready_told BIGINT NOT NULL,
    is_cancelled BIGINT NOT NULL,
    order_version BIGINT NOT NULL,
    version BIGINT NOT NULL
);

-- Items that are out (86), or were once.
CREATE TABLE kitchen_items (
    shop_id BIGINT NOT NULL,
    variant_id BIGINT NOT NULL,
    is_out BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (shop_id, variant_id)
) {clustered};

-- How long a station takes for one unit, learned from its tickets.
CREATE TABLE kitchen_prep_times (
    shop_id BIGINT NOT NULL,
    station VARCHAR(40) NOT NULL,
    unit_ms BIGINT NOT NULL,
    sample_count BIGINT NOT NULL,
    PRIMARY KEY (shop_id, station)
) {clustered};
