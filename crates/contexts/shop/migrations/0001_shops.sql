-- Who trades.
CREATE TABLE shop_merchants (
    id {id} NOT NULL PRIMARY KEY,
    owner_account_id BIGINT NOT NULL,
    name VARCHAR(80) NOT NULL,
    legal_name VARCHAR(120) NOT NULL,
    contact_phone VARCHAR(16) NOT NULL,
    shop_count BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- What is searched by has a column; the rest is one `StoredShop`.
CREATE TABLE shop_shops (
    id {id} NOT NULL PRIMARY KEY,
    merchant_id BIGINT NOT NULL,
    name VARCHAR(120) NOT NULL,
    state BIGINT NOT NULL,
    external_id VARCHAR(120),
    category_code BIGINT NOT NULL,
    latitude_e7 BIGINT NOT NULL,
    longitude_e7 BIGINT NOT NULL,
    price_level BIGINT NOT NULL,
    rating_hundredths BIGINT NOT NULL,
    rating_count BIGINT NOT NULL,
    details {bytes} NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX shop_shops_external ON shop_shops (external_id);
CREATE INDEX shop_shops_merchant ON shop_shops (merchant_id, id);
CREATE INDEX shop_shops_state ON shop_shops (state, id);
CREATE INDEX shop_shops_category ON shop_shops (category_code, id);

-- The tree, in the order of its codes: a subtree is a range.
CREATE TABLE shop_categories (
    code {id} NOT NULL PRIMARY KEY,
    parent_code BIGINT NOT NULL,
    name VARCHAR(80) NOT NULL,
    name_zh VARCHAR(80) NOT NULL,
    legacy_code VARCHAR(64) NOT NULL
);
CREATE INDEX shop_categories_parent ON shop_categories (parent_code, code);

-- Products (SPU); their variants (SKU) are inside, and have a key of their own beside.
CREATE TABLE shop_products (
    id {id} NOT NULL PRIMARY KEY,
    shop_id BIGINT NOT NULL,
    name VARCHAR(120) NOT NULL,
    category_code BIGINT NOT NULL,
    is_on_sale BIGINT NOT NULL,
    is_shared BIGINT NOT NULL,
    details {bytes} NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX shop_products_shop ON shop_products (shop_id, id);
CREATE INDEX shop_products_category ON shop_products (category_code);
CREATE INDEX shop_products_shared ON shop_products (is_shared, id);

-- Which product a variant belongs to.
CREATE TABLE shop_variants (
    id {id} NOT NULL PRIMARY KEY,
    product_id BIGINT NOT NULL
);
CREATE INDEX shop_variants_product ON shop_variants (product_id);

-- What suppliers offer, as they last said it.
CREATE TABLE shop_supplier_items (
    id {id} NOT NULL PRIMARY KEY,
    merchant_id BIGINT NOT NULL,
    item_code VARCHAR(64) NOT NULL,
    name VARCHAR(120) NOT NULL,
    category_code BIGINT NOT NULL,
    price_minor BIGINT NOT NULL,
    currency VARCHAR(3) NOT NULL,
    is_available BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX shop_supplier_items_code ON shop_supplier_items (merchant_id, item_code);
CREATE INDEX shop_supplier_items_category ON shop_supplier_items (category_code);

-- The list of what can be had, brought up to date in batches from the changes above; can be built again from them.
CREATE TABLE shop_item_list (
    item_id {id} NOT NULL PRIMARY KEY,
    category_code BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX shop_item_list_category ON shop_item_list (category_code, item_id);
