-- Mode of each consumer. No row means running.
CREATE TABLE bus_modes (
    consumer VARCHAR(64) NOT NULL,
    mode VARCHAR(16) NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (consumer)
) {clustered};

-- Offset of each consumer in the outbox of each context.
CREATE TABLE bus_offsets (
    consumer VARCHAR(64) NOT NULL,
    context VARCHAR(60) NOT NULL,
    seq BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (consumer, context)
) {clustered};

-- Blocked events: failed, or behind a failed event of the same key. Copies, because outboxes are pruned.
CREATE TABLE bus_blocked (
    consumer VARCHAR(64) NOT NULL,
    context VARCHAR(60) NOT NULL,
    seq BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    topic VARCHAR(200) NOT NULL,
    event_key BIGINT NOT NULL,
    occurred_at BIGINT NOT NULL,
    trace VARCHAR(60) NOT NULL,
    payload {bytes} NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    error {text} NOT NULL,
    PRIMARY KEY (consumer, context, seq)
);

-- Dead letters: events whose attempts are exhausted. They wait for an operator.
CREATE TABLE bus_dead_letters (
    id {id} NOT NULL PRIMARY KEY,
    consumer VARCHAR(64) NOT NULL,
    context VARCHAR(60) NOT NULL,
    seq BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    topic VARCHAR(200) NOT NULL,
    event_key BIGINT NOT NULL,
    occurred_at BIGINT NOT NULL,
    trace VARCHAR(60) NOT NULL,
    payload {bytes} NOT NULL,
    attempts BIGINT NOT NULL,
    error {text} NOT NULL,
    failed_at BIGINT NOT NULL
);

CREATE INDEX bus_dead_letters_by_event ON bus_dead_letters (consumer, context, seq);

-- Events above the offset whose dead letter an operator discarded. They are read again after a restart and not delivered.
CREATE TABLE bus_discarded (
    consumer VARCHAR(64) NOT NULL,
    context VARCHAR(60) NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (consumer, context, seq)
) {clustered};
