PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS orders (
  id       INTEGER PRIMARY KEY,
  customer TEXT NOT NULL,
  item     TEXT NOT NULL,
  cents    INTEGER NOT NULL,
  receipt  TEXT NOT NULL UNIQUE, -- a file in receipts/: an order without its receipt is a lost order
  placed   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ'))
);
