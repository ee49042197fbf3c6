package discover

// service is a program whose logs lie where they always do.
type service struct {
	name    string
	paths   []string // without the leading slash
	exclude []string // of last elements
	// What its lines are like.
	multiline, start, format string
}

const (
	dated = `^\d{4}-\d{2}-\d{2}[ T]` // an event begins with its date
)

// known are the services in the order in which they are proposed. The first that
// has a file keeps it.
var known = []service{
	{name: "syslog", paths: []string{"var/log/syslog", "var/log/messages"}},
	{name: "auth", paths: []string{"var/log/auth.log", "var/log/secure"}},
	{name: "kernel", paths: []string{"var/log/kern.log"}},
	{name: "mail", paths: []string{"var/log/mail.log", "var/log/maillog", "var/log/mail.err"}},
	{name: "cron", paths: []string{"var/log/cron.log", "var/log/cron"}},
	{name: "daemon", paths: []string{"var/log/daemon.log", "var/log/user.log"}},
	{name: "firewall", paths: []string{"var/log/ufw.log", "var/log/firewalld"}},
	{name: "fail2ban", paths: []string{"var/log/fail2ban.log"}},
	{name: "packages", paths: []string{"var/log/dpkg.log", "var/log/apt/*.log", "var/log/dnf.log", "var/log/yum.log", "var/log/alternatives.log"}},
	{name: "audit", paths: []string{"var/log/audit/audit.log"}},
	{name: "nginx", paths: []string{"var/log/nginx/*.log", "usr/local/nginx/logs/*.log"}},
	{name: "apache", paths: []string{"var/log/apache2/*.log", "var/log/httpd/*_log", "var/log/apache/*.log"}},
	{name: "caddy", paths: []string{"var/log/caddy/*.log"}, format: "json"},
	{name: "haproxy", paths: []string{"var/log/haproxy.log", "var/log/haproxy/*.log"}},
	{name: "traefik", paths: []string{"var/log/traefik/*.log", "var/log/traefik.log"}},
	{name: "squid", paths: []string{"var/log/squid/*.log"}},
	{name: "postgresql", paths: []string{"var/log/postgresql/*.log", "var/lib/pgsql/data/log/*.log", "var/lib/pgsql/*/data/log/*.log"}, start: dated},
	{name: "mysql", paths: []string{"var/log/mysql/*.log", "var/log/mysqld.log", "var/log/mysql.log", "var/log/mariadb/*.log"}, start: `^(\d{4}-\d{2}-\d{2}[ T]|\d{6} +\d|# Time:)`},
	{name: "redis", paths: []string{"var/log/redis/*.log", "var/log/redis.log", "var/log/valkey/*.log"}},
	{name: "mongodb", paths: []string{"var/log/mongodb/*.log", "var/log/mongo/*.log"}, format: "json"},
	{name: "memcached", paths: []string{"var/log/memcached.log"}},
	{name: "rabbitmq", paths: []string{"var/log/rabbitmq/*.log"}, start: dated},
	{name: "elasticsearch", paths: []string{"var/log/elasticsearch/*.log"}, exclude: []string{"gc.log*"}, multiline: "java"},
	{name: "opensearch", paths: []string{"var/log/opensearch/*.log"}, exclude: []string{"gc.log*"}, multiline: "java"},
	{name: "logstash", paths: []string{"var/log/logstash/*.log"}, multiline: "java"},
	{name: "kafka", paths: []string{"var/log/kafka/*.log", "opt/kafka/logs/*.log"}, exclude: []string{"*gc.log*"}, multiline: "java"},
	{name: "cassandra", paths: []string{"var/log/cassandra/*.log"}, exclude: []string{"gc.log*"}, multiline: "java"},
	{name: "tomcat", paths: []string{"var/log/tomcat*/*.log", "var/log/tomcat*/catalina.out", "opt/tomcat*/logs/*.log", "opt/tomcat*/logs/catalina.out"}, multiline: "java"},
	{name: "jenkins", paths: []string{"var/log/jenkins/*.log"}, multiline: "java"},
	{name: "php-fpm", paths: []string{"var/log/php*-fpm.log", "var/log/php-fpm/*.log"}, multiline: "php"},
	{name: "gitlab", paths: []string{"var/log/gitlab/*/*.log"}},
	{name: "supervisor", paths: []string{"var/log/supervisor/*.log"}},
	{name: "bind", paths: []string{"var/log/named/*.log", "var/log/bind/*.log", "var/named/data/*.run"}},
	{name: "samba", paths: []string{"var/log/samba/log.*"}},
	{name: "cups", paths: []string{"var/log/cups/*_log"}},
	{name: "letsencrypt", paths: []string{"var/log/letsencrypt/*.log"}, multiline: "python"},
	{name: "cloud-init", paths: []string{"var/log/cloud-init.log", "var/log/cloud-init-output.log"}, multiline: "python"},
	{name: "docker", paths: []string{"var/lib/docker/containers/*/*-json.log"}, format: "docker"},
	{name: "kubernetes", paths: []string{"var/log/pods/*/*/*.log"}, format: "container"},
}
