//! Prints the records of a file; without a file, measures reading and writing of each format.
//!
//! `cargo run --release -p pulse-exchange --example read -- FILE`
#![expect(clippy::print_stdout, reason = "a command-line tool")]
#![expect(clippy::float_arithmetic, reason = "computes rates")]

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::time::Instant;

use pulse_exchange::{Format, ReadOptions, ShopReader, ShopRecord, ShopWriter};

const SHOPS: u32 = 200_000;

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1) {
        Some(path) => look_into(&path),
        None => measure(),
    }
}

fn look_into(path: &str) -> Result<(), Box<dyn Error>> {
    let reader = ShopReader::open(BufReader::new(File::open(path)?), path, &ReadOptions::default())?;
    let (mut shops, mut refused) = (0, 0);
    for row in reader {
        match row?.content {
            Ok(shop) => {
                shops += 1;
                println!(
                    "{} {:?} {:?}",
                    shop.external_id,
                    shop.name.unwrap_or_default(),
                    shop.hours.unwrap_or_default()
                );
            }
            Err(reason) => {
                refused += 1;
                println!("refused: {reason}");
            }
        }
    }
    println!("{shops} shops, {refused} refused");
    Ok(())
}

fn measure() -> Result<(), Box<dyn Error>> {
    println!("{:<16} {:>12} {:>12} {:>10}", "", "read rows/s", "write rows/s", "bytes/row");
    for format in [Format::GeoJson, Format::GeoJsonLines, Format::Csv, Format::JsonLines] {
        let start = Instant::now();
        let mut writer = ShopWriter::new(Vec::new(), format)?;
        (0..SHOPS).try_for_each(|number| writer.write(&shop(number)))?;
        let file = writer.finish()?;
        let written = f64::from(SHOPS) / start.elapsed().as_secs_f64();
        let start = Instant::now();
        let options = ReadOptions { format: Some(format), ..ReadOptions::default() };
        let mut shops = 0_u32;
        for row in ShopReader::open(BufReader::new(&file[..]), "", &options)? {
            shops += u32::from(row?.content.is_ok());
        }
        let read = f64::from(shops) / start.elapsed().as_secs_f64();
        println!("{:<16} {read:>12.0} {written:>12.0} {:>10}", format.to_string(), file.len().div_euclid(200_000));
    }
    Ok(())
}

fn shop(number: u32) -> ShopRecord {
    let mut shop = ShopRecord {
        external_id: format!("osm:node/{number}"),
        name: Some(format!("The \"{number}\" Arms & Kitchen")),
        lat: 55.9 + f64::from(number) / 1e7,
        lon: -3.2 - f64::from(number) / 1e7,
        categories: ["amenity=restaurant", "cuisine=scottish", "cuisine=seafood"].map(str::to_owned).to_vec(),
        phone: Some("+44 131 496 0000".to_owned()),
        website: Some(format!("https://www.example.org/places/{number}")),
        hours: Some("Mo-Th 12:00-14:30,17:00-22:30; Fr-Sa 12:00-23:00; Su 13:00-22:30".to_owned()),
        price_level: Some(2),
        rating_hundredths: Some(450),
        review_count: Some(number),
        is_operating: Some(true),
        ..ShopRecord::default()
    };
    shop.names.insert("zh".to_owned(), "餐厅".to_owned());
    shop.address.house_number = Some(number.to_string());
    shop.address.street = Some("Rose Street".to_owned());
    shop.address.city = Some("Edinburgh".to_owned());
    shop.address.postcode = Some("EH2 2NH".to_owned());
    for (key, value) in [("wheelchair", "yes"), ("source", "survey"), ("internet_access", "wlan"), ("takeaway", "only")]
    {
        shop.tags.insert(key.to_owned(), value.to_owned());
    }
    shop
}
