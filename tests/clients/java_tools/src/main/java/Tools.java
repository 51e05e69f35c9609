import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import liquibase.Contexts;
import liquibase.LabelExpression;
import liquibase.Liquibase;
import liquibase.database.DatabaseFactory;
import liquibase.database.jvm.JdbcConnection;
import liquibase.resource.ClassLoaderResourceAccessor;
import org.flywaydb.core.Flyway;
import org.jooq.DSLContext;
import org.jooq.JSONB;
import org.jooq.Record;
import org.jooq.SQLDialect;
import org.jooq.exception.DataAccessException;
import org.jooq.impl.DSL;
import org.jooq.meta.Database;
import org.jooq.meta.postgres.PostgresDatabase;

import static org.jooq.impl.DSL.*;

/** Drives Flyway, Liquibase and jOOQ; prints a line for each thing that it got. Reads libpq's variables. */
public class Tools {
    static final String USER = System.getenv("PGUSER"), PASSWORD = System.getenv("PGPASSWORD");
    static final String URL = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE") + "?sslmode=disable";

    static void put(Object... things) {
        System.out.println(Arrays.deepToString(things));
    }

    static Connection connect() throws SQLException {
        return DriverManager.getConnection(URL, USER, PASSWORD);
    }

    static void flyway() {
        Flyway f = Flyway.configure().dataSource(URL, USER, PASSWORD).schemas("fly").defaultSchema("fly").cleanDisabled(false).load();
        try {
            put(f.migrate().migrationsExecuted, f.migrate().migrationsExecuted);
            for (var m : f.info().all()) put(m.getVersion(), m.getDescription(), m.getState(), m.getChecksum());
            put(f.validateWithResult().validationSuccessful, f.repair().migrationsRemoved);
        } finally {
            put(f.clean().schemasDropped);
        }
    }

    static void liquibase() throws Exception {
        try (Connection c = connect()) {
            var database = DatabaseFactory.getInstance().findCorrectDatabaseImplementation(new JdbcConnection(c));
            try (Liquibase l = new Liquibase("db/changelog.yaml", new ClassLoaderResourceAccessor(), database)) {
                try {
                    StringWriter sql = new StringWriter();
                    l.update(new Contexts(), sql);
                    put(sql.toString().lines().filter(s -> s.matches("(CREATE|ALTER|INSERT INTO public.buoys).*")).toList());
                    l.update(new Contexts(), new LabelExpression());
                    l.update(new Contexts(), new LabelExpression());
                    put(l.listUnrunChangeSets(new Contexts(), new LabelExpression()).size());
                    l.tag("done");
                    l.rollback(1, "");
                } catch (liquibase.exception.LiquibaseException e) {
                    put("rollback", e.getMessage().lines().findFirst());
                } finally {
                    c.rollback();
                    c.createStatement().execute("DROP VIEW IF EXISTS buoy_labels; DROP TABLE IF EXISTS buoys, databasechangelog, databasechangeloglock");
                    c.commit();
                }
            }
        }
    }

    static void snapshot() throws Exception {
        try (Connection c = connect()) {
            var database = DatabaseFactory.getInstance().findCorrectDatabaseImplementation(new JdbcConnection(c));
            var taken = liquibase.snapshot.SnapshotGeneratorFactory.getInstance().createSnapshot(
                database.getDefaultSchema(), database, new liquibase.snapshot.SnapshotControl(database));
            for (var t : new TreeMap<>(taken.get(liquibase.structure.core.Table.class).stream().collect(java.util.stream.Collectors.toMap(t -> t.getName(), t -> t))).values()) {
                put(t.getName(), t.getColumns().stream().map(x -> x.getName() + " " + x.getType() + " " + x.isNullable() + " " + x.getDefaultValue()).sorted().toList(),
                    String.valueOf(t.getPrimaryKey()), t.getIndexes().stream().map(String::valueOf).sorted().toList(), t.getOutgoingForeignKeys().stream().map(String::valueOf).sorted().toList());
            }
            put(taken.get(liquibase.structure.core.View.class).stream().map(v -> v.getName() + v.getDefinition()).sorted().toList());
        }
    }

    static void jooq() throws Exception {
        try (Connection c = connect()) {
            DSLContext d = DSL.using(c, SQLDialect.POSTGRES);
            var people = table(name("people"));
            var id = field(name("people", "person_id"), Integer.class);
            var ward = field(name("people", "ward_id"), Integer.class);
            put(d.select().from(people).orderBy(id).limit(3).fetch().formatJSON());
            put(d.select(id, field(name("people", "name")), field(name("people", "homeland")), multiset(select(field(name("t", "ticket_id")), field(name("t", "state"))).from(table(name("tickets")).as("t")).where(field(name("t", "person_id"), Integer.class).eq(id)).orderBy(1)).as("tickets"))
                .from(people).where(ward.eq(2)).orderBy(id).limit(4).fetch().formatJSON());
            put(d.select(ward, count(), sum(field(name("people", "rent"), Double.class)), rowNumber().over(orderBy(count().desc(), ward)), grouping(ward)).from(people).groupBy(rollup(ward)).orderBy(ward.nullsLast()).fetch().formatCSV());
            put(d.select(id).from(people).where(row(ward, id).gt(row(2, 10))).orderBy(ward, id).seek(3, 5).limit(5).fetch().formatCSV());
            put(d.fetchCount(people), d.fetchExists(selectOne().from(people).where(id.eq(3))));
            put(d.selectFrom(table(name("wards"))).orderBy(1).fetch().intoMaps().toString());
            d.transaction(t -> {
                DSLContext x = t.dsl();
                var notes = table(name("notes"));
                var nid = field(name("note_id"), Integer.class);
                var title = field(name("title"), String.class);
                put(x.insertInto(notes, nid, title).values(1, "a").values(2, "b").returning().fetch().formatJSON());
                put(x.insertInto(notes, nid, title).values(1, "c").onConflict(nid).doUpdate().set(title, excluded(title)).returningResult(nid, title).fetch().formatCSV());
                put(x.update(people).set(field(name("name"), String.class), "Renamed").where(id.eq(3)).returning().fetch().formatJSON());
                put(x.mergeInto(notes).using(selectOne()).on(nid.eq(2)).whenMatchedThenUpdate().set(title, "m").whenNotMatchedThenInsert(nid, title).values(2, "n").execute());
                put(x.select(id).from(people).where(ward.eq(1)).orderBy(id).forUpdate().skipLocked().fetch().size());
                try {
                    x.transaction(inner -> inner.dsl().insertInto(notes, nid, title).values(1, "again").execute());
                } catch (DataAccessException e) {
                    put(e.sqlState());
                }
                put(x.batch(x.insertInto(notes, nid, title).values(0, "")).bind(5, "e").bind(6, "f").execute());
                c.rollback();
            });
            c.setAutoCommit(true);
            for (var t : d.meta().getTables().stream().filter(t -> t.getSchema() != null && List.of("public", "port").contains(t.getSchema().getName())).sorted(java.util.Comparator.comparing(t -> t.getQualifiedName())).toList())
                put(t.getQualifiedName(), t.fieldStream().map(f -> f.getName() + " " + f.getDataType()).toList(), String.valueOf(t.getPrimaryKey()), t.getReferences().stream().map(String::valueOf).sorted().toList());
            try (var lazy = d.select(id).from(people).orderBy(id).fetchSize(7).fetchLazy()) {
                int n = 0;
                for (Record ignored : lazy) n++;
                put(n);
            }
        }
    }

    static void generate() throws Exception {
        try (Connection c = connect()) {
            Database database = new PostgresDatabase();
            database.setConnection(c);
            database.setConfiguredSchemata(List.of(new org.jooq.meta.jaxb.SchemaMappingType().withInputSchema("public"), new org.jooq.meta.jaxb.SchemaMappingType().withInputSchema("port")));
            database.setIncludes(new String[] {".*"});
            database.setExcludes(new String[0]);
            database.setIncludeRoutines(true);
            for (String kind : List.of("t", "e", "u", "d", "r", "s", "k")) {
                List<String> found = new ArrayList<>();
                switch (kind) {
                    case "t" -> database.getTables().forEach(t -> found.add(t.getQualifiedName() + t.getColumns().stream().map(x -> " " + x.getName() + ":" + x.getType().getType() + ":" + x.getType().isNullable()).toList()));
                    case "e" -> database.getEnums(database.getSchemata().get(0)).forEach(e -> found.add(e.getName() + e.getLiterals()));
                    case "u" -> database.getUDTs().forEach(u -> found.add(u.getName()));
                    case "d" -> database.getDomains().forEach(x -> found.add(x.getName()));
                    case "r" -> database.getRoutines(database.getSchemata().get(0)).forEach(r -> found.add(r.getName() + r.getAllParameters().size()));
                    case "s" -> database.getSequences().forEach(s -> found.add(s.getName()));
                    default -> database.getUniqueKeys().forEach(k -> found.add(k.getName()));
                }
                put(kind, found.stream().sorted().toList());
            }
        }
    }

    static void refusals() throws Exception {
        try (Connection c = connect()) {
            DSLContext d = DSL.using(c, SQLDialect.POSTGRES);
            for (String sql : List.of("SELECT count(*) FROM people WHERE homeland = 'x'", "SELECT * FROM port.refugee_services"))
                try {
                    d.fetch(sql);
                } catch (DataAccessException e) {
                    put(e.sqlState(), d.fetchCount(table(name("people"))));
                }
        }
    }

    public static void main(String[] args) throws Exception {
        System.setProperty("org.jooq.no-logo", "true");
        System.setProperty("org.jooq.no-tips", "true");
        java.util.logging.LogManager.getLogManager().reset();
        switch (args[0]) {
            case "flyway" -> flyway();
            case "liquibase" -> liquibase();
            case "snapshot" -> snapshot();
            case "jooq" -> jooq();
            case "generate" -> generate();
            default -> refusals();
        }
    }
}
