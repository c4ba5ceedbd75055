//! Who somebody is: accounts, credentials, sessions, sign-in days, follows.
