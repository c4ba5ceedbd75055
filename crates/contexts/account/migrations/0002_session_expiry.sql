-- Sessions that are long over are swept in the order in which they expired.
CREATE INDEX account_sessions_expiry ON account_sessions (expires_at);
