-- What is counted, and how much of it there is. The id comes first in the key: it alone finds nearly always one row, so
-- that the rows of a whole batch are one list of ids.
CREATE TABLE stock_resources (
    ref_id BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    shop_id BIGINT NOT NULL,
    on_hand BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    warning_line BIGINT NOT NULL,
    flags BIGINT NOT NULL,
    version BIGINT NOT NULL,
    out_version BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    moved_at BIGINT NOT NULL,
    PRIMARY KEY (ref_id, kind)
) {clustered};
CREATE INDEX stock_resources_shop ON stock_resources (shop_id, kind, ref_id);

-- The journal: every movement, with the quantities after it. Only ever added to.
CREATE TABLE stock_movements (
    ref_id BIGINT NOT NULL,
    kind BIGINT NOT NULL,
    version BIGINT NOT NULL,
    id BIGINT NOT NULL,
    movement_kind BIGINT NOT NULL,
    on_hand_delta BIGINT NOT NULL,
    reserved_delta BIGINT NOT NULL,
    on_hand BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    owner BIGINT NOT NULL,
    owner_id BIGINT NOT NULL,
    actor BIGINT NOT NULL,
    note VARCHAR(200) NOT NULL,
    moved_at BIGINT NOT NULL,
    PRIMARY KEY (ref_id, kind, version)
) {clustered};

-- Who holds units, held them, or may never hold them.
CREATE TABLE stock_reservations (
    owner_id BIGINT NOT NULL,
    owner BIGINT NOT NULL,
    state BIGINT NOT NULL,
    details {bytes} NOT NULL,
    expires_at BIGINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (owner_id, owner)
) {clustered};
CREATE INDEX stock_reservations_state ON stock_reservations (state, owner_id, owner);
