-- Stations of shops in the order of the kitchen, as one `Stations`.
CREATE TABLE kitchen_stations (
    shop_id {id} NOT NULL PRIMARY KEY,
    stations {bytes} NOT NULL
);

-- Tickets: the work of one station for one order. Attributes that queries use have columns; the others are one `StoredTicket`.
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

-- Progress of the tickets of orders, and published milestones. Every change of a ticket also changes the row of its order, so
-- its version detects concurrent changes of two stations. An order that was cancelled before its payment has a row without
-- tickets, so that a late payment event creates none.
CREATE TABLE kitchen_orders (
    order_id {id} NOT NULL PRIMARY KEY,
    shop_id BIGINT NOT NULL,
    ticket_count BIGINT NOT NULL,
    started_count BIGINT NOT NULL,
    ready_count BIGINT NOT NULL,
    is_started_published BIGINT NOT NULL,
    is_ready_published BIGINT NOT NULL,
    is_cancelled BIGINT NOT NULL,
    order_version BIGINT NOT NULL,
    version BIGINT NOT NULL
);

-- Items that are out (86), or were out before.
CREATE TABLE kitchen_items (
    shop_id BIGINT NOT NULL,
    variant_id BIGINT NOT NULL,
    is_out BIGINT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (shop_id, variant_id)
) {clustered};

-- Prep times per unit of stations, measured from their tickets.
CREATE TABLE kitchen_prep_times (
    shop_id BIGINT NOT NULL,
    station VARCHAR(40) NOT NULL,
    unit_ms BIGINT NOT NULL,
    sample_count BIGINT NOT NULL,
    PRIMARY KEY (shop_id, station)
) {clustered};
