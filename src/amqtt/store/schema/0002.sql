-- What one commit put into queues and took out of them, in one row: a row for each Message and each entry
-- costs several times as much. What is in it: see store/records.py. A row goes when nothing of it is awaited
-- any more; a Message or entry that has a row in `messages` or `entries`, too, is as it is there.
CREATE TABLE IF NOT EXISTS batches (
    number INTEGER PRIMARY KEY,
    records BLOB NOT NULL
);
