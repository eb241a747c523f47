CREATE TABLE store (version INTEGER NOT NULL, checksum INTEGER NOT NULL);

CREATE TABLE sessions (
    number INTEGER PRIMARY KEY,
    client_id TEXT NOT NULL,
    owner TEXT,
    expiry_interval INTEGER NOT NULL,
    ends_at REAL,
    checksum INTEGER NOT NULL
);

-- options: QoS, 4 for No Local, 8 for Retain As Published
CREATE TABLE subscriptions (
    session INTEGER NOT NULL,
    topic_filter TEXT NOT NULL,
    options INTEGER NOT NULL,
    identifier INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (session, topic_filter)
) WITHOUT ROWID;

-- options: QoS, 4 for RETAIN
CREATE TABLE messages (
    number INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    options INTEGER NOT NULL,
    properties BLOB,
    expires_at REAL,
    publisher TEXT NOT NULL,
    payload BLOB NOT NULL,
    checksum INTEGER NOT NULL
);

-- Numbers rise, so rows are appended; no index but this one: it would cost three times the rest.
-- delivery: QoS, 4 for RETAIN, the state times 16, the Packet Identifier times 256
CREATE TABLE entries (
    number INTEGER PRIMARY KEY,
    session INTEGER NOT NULL,
    message INTEGER NOT NULL,
    delivery INTEGER NOT NULL,
    identifiers TEXT,
    shared TEXT,
    checksum INTEGER NOT NULL
);

CREATE TABLE received (
    session INTEGER NOT NULL,
    packet_id INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (session, packet_id)
) WITHOUT ROWID;

-- name is the topic; the other columns are those of messages
CREATE TABLE retained (
    name TEXT PRIMARY KEY NOT NULL,
    topic TEXT NOT NULL,
    options INTEGER NOT NULL,
    properties BLOB,
    expires_at REAL,
    publisher TEXT NOT NULL,
    payload BLOB NOT NULL,
    checksum INTEGER NOT NULL
);

CREATE TABLE wills (
    session INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    options INTEGER NOT NULL,
    properties BLOB,
    due REAL,
    payload BLOB NOT NULL,
    checksum INTEGER NOT NULL
);

-- Rows that could not be understood, as they were found.
CREATE TABLE damaged (
    found_at REAL NOT NULL,
    place TEXT NOT NULL,
    reason TEXT NOT NULL,
    row TEXT NOT NULL
);
