use proptest::prelude::*;
use rayon::ThreadPoolBuilder;

use super::assign::{Nearest, square_distance};
use super::fit::rounds;
use super::*;

const WIDTH: usize = 5;

/// 600 people in four groups that touch; the same as in the Python below.
///
/// ```python
/// i, j = np.arange(600)[:, None], np.arange(5)[None, :]
/// noise = ((i * 7919 + j * 104729 + i * i * 31) % 1009) / 1009.0
/// x = (noise * (1 + j % 2) + 1.5 * ((i % 4) == j) - 0.75 * (((i * i) // 7) % 3 == 1)).astype(np.float32)
/// ```
fn people() -> Vec<f32> {
    let number = |i: u64, j: u64| {
        let noise = ((i * 7919 + j * 104_729 + i * i * 31) % 1009) as f64 / 1009.0;
        let of_group = if i % 4 == j { 1.5 } else { 0.0 };
        let of_third = if (i * i / 7) % 3 == 1 { 0.75 } else { 0.0 };
        (noise * (1 + j % 2) as f64 + of_group - of_third) as f32
    };
    (0..600).flat_map(|i| (0..WIDTH as u64).map(move |j| number(i, j))).collect()
}

fn points(numbers: &[f32]) -> Points<'_> {
    Points { numbers, width: WIDTH }
}

fn options(counts: RangeInclusive<u32>) -> SegmentOptions {
    SegmentOptions { counts, seed: 7, restarts: 20, iterations: 300, batch_size: None }
}

fn assert_near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance * expected.abs(), "{found} is not {expected}");
}

#[test]
fn rounds_from_the_same_starts_are_those_of_scikit_learn() {
    let people = people();
    let first = Centres::new(people[..4 * WIDTH].to_vec(), WIDTH);
    // KMeans(4, init=x[:4], n_init=1, tol=0, algorithm="lloyd").fit(x)
    let fitted = rounds(points(&people), first, 100);
    assert_near(fitted.inertia, 906.194_058_198_080_3, 1e-6);
    assert_eq!(fitted.sizes, [259, 80, 150, 111]);
    assert_near(fit::spread(points(&people)), 1_808.130_211_937_335_8, 1e-6);
}

#[test]
fn the_best_of_several_fits_is_that_of_scikit_learn_with_its_silhouette() {
    let people = people();
    let judge = Silhouette::of(points(&people), &mut Stream::new(1));
    // KMeans(k, n_init=50, tol=0).fit(x).inertia_ and silhouette_score(x, labels_)
    let expected = [(2, 1_348.299_202, 0.242_185_5), (3, 1_083.612_381, 0.270_214_5), (4, 816.556_794_5, 0.332_862_4)];
    for (count, inertia, silhouette) in expected {
        let fitted = fit_best(points(&people), count, &options(count..=count)).unwrap();
        assert_near(fitted.inertia, inertia, 1e-6);
        assert_near(judge.mean(points(&people), &fitted.centres), silhouette, 1e-5);
        assert!(fitted.sizes.is_sorted_by(|a, b| a >= b), "{:?}", fitted.sizes);
    }
}

#[test]
fn batches_come_near_to_rounds_over_all() {
    let people = people();
    let by_batches = SegmentOptions { batch_size: Some(100), iterations: 200, ..options(4..=4) };
    let fitted = fit_best(points(&people), 4, &by_batches).unwrap();
    // Sculley's rates leave centres a little off their means.
    assert!(fitted.inertia >= 816.556 && fitted.inertia < 816.557 * 1.03, "{}", fitted.inertia);
}

#[test]
fn the_number_of_segments_is_that_of_the_highest_silhouette() {
    // Three groups, far apart.
    let mut stream = Stream::new(5);
    let numbers: Vec<f32> = (0..900)
        .flat_map(|row| [(row % 3) as f32 * 10.0, if row % 3 == 1 { 8.0 } else { 0.0 }])
        .map(|middle| middle + stream.uniform() as f32)
        .collect();
    let segments = Segments::fit(numbers, 2, &options(2..=6)).unwrap();
    assert_eq!((segments.count(), segments.choices.len()), (3, 5));
    assert!(segments.silhouette > 0.8 && segments.explained > 0.95, "{segments:?}");
    assert_eq!(segments.sizes, [300; 3]);
}

#[test]
fn people_are_put_where_the_nearest_centre_is_however_they_are_cut_into_batches() {
    let people = people();
    let segments = Segments::fit(people.clone(), WIDTH, &options(4..=4)).unwrap();
    let together = segments.assign(people.clone());
    for (row, person) in people.chunks_exact(WIDTH).enumerate() {
        let alone = segments.assign(person.to_vec());
        assert_eq!((alone.segments[0], alone.distances[0]), (together.segments[row], together.distances[row]));
    }
    let sizes = together.segments.iter().fold([0; 4], |mut sizes, segment| {
        sizes[*segment as usize] += 1;
        sizes
    });
    assert_eq!(sizes.as_slice(), segments.sizes);
    let inertia: f64 = together.distances.iter().map(|distance| f64::from(*distance).powi(2)).sum();
    assert_near(inertia, segments.inertia, 1e-5);
}

#[test]
fn any_number_of_threads_gives_the_same_segments_and_json_keeps_them() {
    let fit = |threads: usize| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let large: Vec<f32> = (0..20).flat_map(|_| people()).collect();
        pool.install(|| Segments::fit(large, WIDTH, &SegmentOptions { restarts: 2, ..options(3..=5) }).unwrap())
    };
    let one = fit(1);
    assert_eq!(one, fit(3));
    let json = serde_json::to_string(&one).unwrap();
    assert_eq!(serde_json::from_str::<Segments>(&json).unwrap().centres, one.centres);
}

#[test]
fn too_few_different_people_are_refused() {
    let error = Segments::fit([1.0, 2.0, 2.0, 1.0].repeat(100), 1, &options(4..=6)).unwrap_err();
    assert_eq!((error.count, error.people, error.found), (4, 400, 2));
    // With a range, as many as there are.
    let segments = Segments::fit([1.0, 2.0, 2.0, 3.0].repeat(100), 1, &options(2..=6)).unwrap();
    assert_eq!(segments.count(), 3);
}

#[test]
fn a_segment_that_loses_all_its_people_gets_others() {
    let people = people();
    // All four centres at one place, so that three are nobody's.
    let first = Centres::new(people[..WIDTH].repeat(4), WIDTH);
    let fitted = rounds(points(&people), first, 100);
    assert!(fitted.sizes.iter().all(|size| *size > 0), "{:?}", fitted.sizes);
    assert!(fitted.inertia < 0.8 * fit::spread(points(&people)), "{}", fitted.inertia);
}

proptest! {
    /// Against every distance by differences, ties among them.
    #[test]
    fn the_nearest_centre_is_the_first_of_the_nearest(
        width in 1usize..9,
        grid in prop::collection::vec(-3i8..4, 8..400),
        count in 1usize..12,
        far in prop::sample::select(vec![0.0f32, 1000.0, 1e6]),
    ) {
        let numbers: Vec<f32> = grid.iter().map(|place| f32::from(*place) / 3.0 + far).collect();
        let rows = numbers.len() / width;
        let numbers = &numbers[..rows * width];
        prop_assume!(rows > 0);
        let centres = Centres::new(numbers.chunks_exact(width).take(count).flatten().copied().collect(), width);
        let mut found = Vec::new();
        for_each_nearest(Points { numbers, width }, &centres, |_, nearest| found.push(nearest));
        for (row, found) in numbers.chunks_exact(width).zip(found) {
            let mut expected = Nearest { segment: 0, square: f64::INFINITY };
            for (segment, centre) in (0..).zip(centres.points().rows()) {
                let square = square_distance(row, centre);
                if square < expected.square {
                    expected = Nearest { segment, square };
                }
            }
            prop_assert_eq!(found, expected);
        }
    }
}
