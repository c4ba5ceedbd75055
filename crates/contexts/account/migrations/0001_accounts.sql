-- Accounts, one row each.
CREATE TABLE account_accounts (
    id {id} NOT NULL PRIMARY KEY,
    display_name VARCHAR(40) NOT NULL,
    phone VARCHAR(16),
    email VARCHAR(254),
    avatar_url VARCHAR(500) NOT NULL,
    bio VARCHAR(300) NOT NULL,
    time_zone VARCHAR(64) NOT NULL,
    role_bits BIGINT NOT NULL,
    roles_changed_at BIGINT NOT NULL,
    follower_count BIGINT NOT NULL,
    following_count BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX account_accounts_phone ON account_accounts (phone);
CREATE UNIQUE INDEX account_accounts_email ON account_accounts (email);
CREATE INDEX account_accounts_roles ON account_accounts (roles_changed_at);

-- Shops of staff accounts.
CREATE TABLE account_staff (
    account_id BIGINT NOT NULL,
    shop_id BIGINT NOT NULL,
    PRIMARY KEY (account_id, shop_id)
) {clustered};

-- All runs of four digits of phone numbers, so that any part of a number is found by key.
CREATE TABLE account_phone_grams (
    gram VARCHAR(4) NOT NULL,
    account_id BIGINT NOT NULL,
    PRIMARY KEY (gram, account_id)
) {clustered};

-- Argon2 hashes in PHC format.
CREATE TABLE account_passwords (
    account_id {id} NOT NULL PRIMARY KEY,
    hash VARCHAR(200) NOT NULL
);

-- Consecutive failed sign-ins per address, with or without an account: a lockout reveals nothing about the account.
CREATE TABLE account_failed_attempts (
    address VARCHAR(254) NOT NULL PRIMARY KEY,
    failure_count BIGINT NOT NULL,
    failed_at BIGINT NOT NULL,
    locked_until BIGINT NOT NULL
) {clustered};
CREATE INDEX account_failed_attempts_age ON account_failed_attempts (failed_at);

-- One-time codes per phone number or e-mail address; `code_mac` is keyed, so the table alone does not reveal the digits.
CREATE TABLE account_codes (
    destination VARCHAR(254) NOT NULL PRIMARY KEY,
    code_mac VARCHAR(64) NOT NULL,
    expires_at BIGINT NOT NULL,
    tries_left BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    window_started_at BIGINT NOT NULL,
    sent_count BIGINT NOT NULL,
    version BIGINT NOT NULL
) {clustered};

-- Sessions; only the newest generation of the refresh token is valid.
CREATE TABLE account_sessions (
    id {id} NOT NULL PRIMARY KEY,
    account_id BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL
);
CREATE INDEX account_sessions_account ON account_sessions (account_id, ended_at);
CREATE INDEX account_sessions_ended ON account_sessions (ended_at);

-- Follows, one row per side; one commit writes both rows.
CREATE TABLE account_followers (
    followee_id BIGINT NOT NULL,
    follower_id BIGINT NOT NULL,
    followed_at BIGINT NOT NULL,
    PRIMARY KEY (followee_id, follower_id)
) {clustered};
CREATE INDEX account_followers_page ON account_followers (followee_id, followed_at, follower_id);
CREATE TABLE account_following (
    follower_id BIGINT NOT NULL,
    followee_id BIGINT NOT NULL,
    followed_at BIGINT NOT NULL,
    PRIMARY KEY (follower_id, followee_id)
) {clustered};
CREATE INDEX account_following_page ON account_following (follower_id, followed_at, followee_id);

-- Days with a check-in, one row per month; bit 0 is the first day. `month` is year * 12 + month - 1.
CREATE TABLE account_check_ins (
    account_id BIGINT NOT NULL,
    month BIGINT NOT NULL,
    day_bits BIGINT NOT NULL,
    PRIMARY KEY (account_id, month)
) {clustered};
