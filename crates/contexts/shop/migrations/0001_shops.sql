-- Merchants.
CREATE TABLE shop_merchants (
    id {id} NOT NULL PRIMARY KEY,
    owner_account_id BIGINT NOT NULL,
    name VARCHAR(80) NOT NULL,
    legal_name VARCHAR(120) NOT NULL,
    contact_phone VARCHAR(16) NOT NULL,
    shop_count BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX shop_merchants_owner ON shop_merchants (owner_account_id, id);

-- Shops. Attributes that queries use have columns; the others are one `StoredShop`.
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

-- The category tree, ordered by code: a subtree is a range of codes.
CREATE TABLE shop_categories (
    code {id} NOT NULL PRIMARY KEY,
    parent_code BIGINT NOT NULL,
    name VARCHAR(80) NOT NULL,
    name_zh VARCHAR(80) NOT NULL,
    legacy_code VARCHAR(64) NOT NULL
);
CREATE INDEX shop_categories_parent ON shop_categories (parent_code, code);

-- Products (SPU). Their variants (SKU) are part of `details`, with an index in `shop_variants`.
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

-- Products of variants.
CREATE TABLE shop_variants (
    id {id} NOT NULL PRIMARY KEY,
    product_id BIGINT NOT NULL
);
CREATE INDEX shop_variants_product ON shop_variants (product_id);

-- Items of suppliers, in their last version.
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

-- List of available items, updated in batches; it can be rebuilt from the items.
CREATE TABLE shop_item_list (
    item_id {id} NOT NULL PRIMARY KEY,
    category_code BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX shop_item_list_category ON shop_item_list (category_code, item_id);
