import com.fasterxml.jackson.databind.ObjectMapper;
import jakarta.persistence.*;
import java.io.*;
import java.sql.*;
import java.util.*;
import org.hibernate.Session;
import org.hibernate.annotations.DynamicUpdate;
import org.hibernate.cfg.Configuration;
import org.postgresql.PGConnection;
import org.postgresql.util.PSQLException;

/** What Java's clients are driven through: `Work NAME`; prints what it got as JSON. */
public class Work {
    static final List<Object> out = new ArrayList<>();
    static final String URL = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/"
        + System.getenv("PGDATABASE");
    static final String[] FAILING = {"SELECT nope FROM wards", "INSERT INTO wards (ward_id, name) VALUES (1, 'x')",
        "SELECT 1/0", "SELEKT"};
    static final String[] REFUSED = {"SELECT 1 FROM people WHERE homeland = 'Land 1'",
        "SELECT * FROM port.refugee_services"};

    static Connection connect(String options) throws SQLException {
        return DriverManager.getConnection(URL + "?sslmode=disable&" + options, System.getenv("PGUSER"),
            System.getenv("PGPASSWORD"));
    }

    static void put(Object... x) {
        out.add(Arrays.asList(x));
    }

    static Object told(SQLException e) {
        var m = ((PSQLException) e).getServerErrorMessage();
        if (m == null) return e.getMessage();
        return Arrays.asList(m.getSeverity(), m.getSQLState(), m.getMessage(), m.getDetail(), m.getHint(), m.getTable(),
            m.getConstraint(), m.getPosition());
    }

    static void rows(ResultSet r) throws SQLException {
        var m = r.getMetaData();
        for (int i = 1; i <= m.getColumnCount(); i++)
            put(m.getColumnLabel(i), m.getColumnTypeName(i), m.getColumnType(i), m.getColumnClassName(i),
                m.getPrecision(i), m.getScale(i), m.getColumnDisplaySize(i));
        while (r.next()) {
            var row = new ArrayList<Object>();
            for (int i = 1; i <= m.getColumnCount(); i++) row.add(r.getString(i));
            out.add(row);
        }
    }

    static void catalog(ResultSet r) throws SQLException {
        var m = r.getMetaData();
        while (r.next()) {
            var row = new ArrayList<Object>();
            for (int i = 1; i <= m.getColumnCount(); i++)
                if (!m.getColumnLabel(i).matches("(?i)(TABLE|PROCEDURE|FUNCTION|PKTABLE|FKTABLE)_CAT|CARDINALITY|PAGES"))
                    row.add(r.getString(i));
            out.add(row);
        }
    }

    static void jdbc(String options) throws Exception {
        try (var c = connect(options)) {
            c.setAutoCommit(false);
            var reads = new LinkedHashMap<String, Object[]>();
            reads.put("SELECT * FROM people ORDER BY person_id LIMIT 7", new Object[] {});
            reads.put("SELECT * FROM people WHERE person_id = ? AND name = ?", new Object[] {5, "Person 5"});
            reads.put("SELECT * FROM tickets WHERE topic = ?::topic AND cost > ? ORDER BY 1 LIMIT 9",
                new Object[] {"road", new java.math.BigDecimal("99.5")});
            reads.put("SELECT * FROM samples ORDER BY 1", new Object[] {});
            reads.put("SELECT * FROM people WHERE person_id = ANY(?) ORDER BY 1",
                new Object[] {c.createArrayOf("int4", new Integer[] {1, 2})});
            reads.put("INSERT INTO notes (note_id, title, at) VALUES (?, ?, ?) ON CONFLICT (note_id) DO UPDATE SET votes = 1"
                + " RETURNING *", new Object[] {1, "x", Timestamp.valueOf("2024-01-01 00:00:00")});
            reads.put("UPDATE people SET name = ? WHERE person_id = ? RETURNING *", new Object[] {"Renamed", 3});
            for (var q : reads.entrySet()) {
                try (var s = c.prepareStatement(q.getKey())) {
                    for (int i = 0; i < q.getValue().length; i++) s.setObject(i + 1, q.getValue()[i]);
                    put(s.getParameterMetaData().getParameterCount());
                    for (int again = 0; again < 7; again++) rows(s.executeQuery());  // beyond prepareThreshold
                }
            }
            try (var s = c.prepareStatement("INSERT INTO notes (note_id, title) VALUES (?, ?)", Statement.RETURN_GENERATED_KEYS)) {
                for (int i = 100; i < 150; i++) {
                    s.setInt(1, i);
                    s.setString(2, "n" + i);
                    s.addBatch();
                }
                put(s.executeBatch());
                rows(s.getGeneratedKeys());
            }
            try (var s = c.createStatement()) {
                s.setFetchSize(9);
                rows(s.executeQuery("SELECT * FROM people ORDER BY person_id"));
            }
            try (var s = c.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE)) {
                var r = s.executeQuery("SELECT ticket_id, body FROM tickets ORDER BY ticket_id");
                r.absolute(5);
                r.updateString(2, "changed");
                r.updateRow();
                put(r.getInt(1), r.getString(2));
            }
            var here = c.setSavepoint();
            for (var sql : FAILING) {
                try (var s = c.createStatement()) {
                    s.execute(sql);
                } catch (SQLException e) {
                    put(sql, told(e));
                    c.rollback(here);
                }
            }
            if (!options.contains("simple")) try (var s = c.prepareCall("{ ? = call open_tickets(?::int) }")) {
                s.registerOutParameter(1, Types.BIGINT);
                s.setObject(2, 8, Types.INTEGER);
                s.execute();
                put(s.getLong(1));
            }
            var copy = c.unwrap(PGConnection.class).getCopyAPI();
            var copied = new StringWriter();
            put(copy.copyOut("COPY (SELECT * FROM people ORDER BY person_id) TO STDOUT", copied), copied.toString());
            put(copy.copyIn("COPY notes (note_id, title) FROM STDIN", new StringReader("500\tcopied\n501\tcopied too\n")));
            c.rollback();
            c.setAutoCommit(true);
            try (var s = c.createStatement()) {
                s.execute("LISTEN desk");
                s.execute("NOTIFY desk, 'hello'");
                s.execute("DROP TABLE IF EXISTS nothing");
                put(s.getWarnings().getMessage());
                for (var n : c.unwrap(PGConnection.class).getNotifications(1000)) put(n.getName(), n.getParameter());
                s.setQueryTimeout(1);
                s.execute("SELECT pg_sleep(20)");
            } catch (SQLException e) {
                put(told(e));
            }
            c.setReadOnly(true);
            c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            put(c.getTransactionIsolation(), c.isValid(2), c.getSchema());
        }
    }

    static void metadata() throws Exception {
        try (var c = connect("")) {
            var m = c.getMetaData();
            put(m.getDatabaseProductVersion(), m.getMaxColumnNameLength(), m.getSQLKeywords());
            catalog(m.getSchemas());
            catalog(m.getTables(null, null, "%", null));
            for (var t : new String[] {"people", "tickets", "samples", "directory"}) {
                catalog(m.getColumns(null, "public", t, "%"));
                catalog(m.getPrimaryKeys(null, "public", t));
                catalog(m.getIndexInfo(null, "public", t, false, true));
                catalog(m.getImportedKeys(null, "public", t));
                catalog(m.getExportedKeys(null, "public", t));
                catalog(m.getBestRowIdentifier(null, "public", t, 0, true));
                catalog(m.getTablePrivileges(null, "public", t));
                catalog(m.getColumnPrivileges(null, "public", t, "%"));
                catalog(m.getVersionColumns(null, "public", t));
            }
            catalog(m.getTypeInfo());
            catalog(m.getFunctions(null, "public", "%"));
            catalog(m.getFunctionColumns(null, "public", "%", "%"));
            catalog(m.getProcedures(null, null, "ber%"));
            catalog(m.getUDTs(null, "public", "%", null));
            catalog(m.getClientInfoProperties());
        }
    }

    static void refusals() throws Exception {
        for (var mode : new String[] {"", "preferQueryMode=simple", "prepareThreshold=-1"}) {
            try (var c = connect(mode)) {
                for (var sql : REFUSED) {
                    try (var s = c.prepareStatement(sql)) {
                        s.execute();
                        put("no error");
                    } catch (SQLException e) {
                        put(e.getSQLState());
                    }
                    try (var s = c.createStatement(); var r = s.executeQuery("SELECT 1")) {
                        r.next();
                        put(r.getInt(1));
                    }
                }
            }
        }
    }

    @Entity(name = "Ward") @Table(name = "wards")
    public static class Ward {
        @Id @Column(name = "ward_id") int id;
        String name;
        @OneToMany(mappedBy = "ward") @OrderBy("id") List<Person> people;
    }

    @Entity(name = "Person") @Table(name = "people") @DynamicUpdate
    public static class Person {
        @Id @Column(name = "person_id") int id;
        String name;
        java.time.LocalDate born;
        @ManyToOne(fetch = FetchType.LAZY) @JoinColumn(name = "ward_id") Ward ward;
        @Column(insertable = false, updatable = false) String homeland;
        @Column(insertable = false, updatable = false) Integer points;
        @Column(insertable = false, updatable = false) Boolean verified;
        @OneToMany(mappedBy = "person") @OrderBy("id") List<Ticket> tickets;

        Object told() {
            return Arrays.asList(id, name, String.valueOf(born), homeland, points, verified, ward == null ? null : ward.name);
        }
    }

    @Entity(name = "Ticket") @Table(name = "tickets")
    public static class Ticket {
        @Id @Column(name = "ticket_id") int id;
        @ManyToOne(fetch = FetchType.LAZY) @JoinColumn(name = "person_id") Person person;
        String state;
        String body;
    }

    @Entity(name = "Note") @Table(name = "notes")
    public static class Note {
        @Id @GeneratedValue(strategy = GenerationType.IDENTITY) @Column(name = "note_id") Integer id;
        String title;
        int votes;
    }

    static void hibernate() throws Exception {
        var settings = new Properties();
        settings.put("hibernate.connection.url", URL + "?sslmode=disable");
        settings.put("hibernate.connection.username", System.getenv("PGUSER"));
        settings.put("hibernate.connection.password", System.getenv("PGPASSWORD"));
        settings.put("hibernate.hbm2ddl.auto", "validate");
        settings.put("hibernate.hikari.maximumPoolSize", "2");
        var configuration = new Configuration().addProperties(settings);
        for (var type : new Class<?>[] {Ward.class, Person.class, Ticket.class, Note.class}) configuration.addAnnotatedClass(type);
        try (var factory = configuration.buildSessionFactory(); Session s = factory.openSession()) {
            var t = s.beginTransaction();
            for (var p : s.createQuery("from Person p join fetch p.ward where p.id < 9 order by p.id", Person.class).list())
                put(p.told());
            for (var w : s.createQuery("from Ward order by id", Ward.class).list()) put(w.name, w.people.size());
            for (var p : s.createQuery("from Person p left join fetch p.tickets where p.ward.id = 2 order by p.id", Person.class).list())
                put(p.told(), p.tickets.stream().map(x -> x.id).toList());
            put(s.createQuery("select p.ward.name, count(*) from Person p group by p.ward.name order by 1", Object[].class).list());
            var builder = s.getCriteriaBuilder();
            var q = builder.createQuery(Person.class);
            var root = q.from(Person.class);
            q.where(builder.like(root.get("name"), "%5%")).orderBy(builder.desc(root.get("id")));
            for (var p : s.createQuery(q).setFirstResult(1).setMaxResults(4).list()) put(p.told());
            var note = new Note();
            note.title = "from Hibernate";
            s.persist(note);
            var person = s.find(Person.class, 7, LockModeType.PESSIMISTIC_WRITE);
            person.name = "Renamed";
            s.flush();
            s.refresh(person);
            put(person.told(), note.votes);
            put(s.createMutationQuery("update Ticket set state = 'closed' where id < 5").executeUpdate());
            put(s.createMutationQuery("delete from Note where title like 'from%'").executeUpdate());
            s.createNativeQuery("SELECT * FROM people WHERE person_id = :id", Person.class).setParameter("id", 3).list()
                .forEach(p -> put(p.told()));
            t.rollback();
        }
    }

    public static void main(String[] arguments) throws Exception {
        java.util.logging.Logger.getLogger("").setLevel(java.util.logging.Level.SEVERE);
        switch (arguments[0]) {
            case "jdbc" -> jdbc(arguments[1]);
            case "metadata" -> metadata();
            case "hibernate" -> hibernate();
            default -> refusals();
        }
        System.out.println(new ObjectMapper().writeValueAsString(out));
    }
}
