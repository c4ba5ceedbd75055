-- The retention job deletes sessions in the order in which they expired.
CREATE INDEX account_sessions_expiry ON account_sessions (expires_at);
