-- Who retained it: the owner of the Session, '' without a user name. NULL: no Client's, or an earlier version,
-- which knew the Client Identifier alone. The table is made anew, for a checksum stands last in each.
ALTER TABLE retained RENAME TO retained_without_owner;
CREATE TABLE retained (
    name TEXT PRIMARY KEY NOT NULL,
    topic TEXT NOT NULL,
    options INTEGER NOT NULL,
    properties BLOB,
    expires_at REAL,
    publisher TEXT NOT NULL,
    owner TEXT,
    payload BLOB NOT NULL,
    checksum INTEGER NOT NULL
);
INSERT INTO retained
    SELECT name, topic, options, properties, expires_at, publisher, NULL, payload, checksum
    FROM retained_without_owner;
DROP TABLE retained_without_owner;
