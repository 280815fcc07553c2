CREATE DATABASE IF NOT EXISTS cinder;
CREATE DATABASE IF NOT EXISTS glance;
CREATE DATABASE IF NOT EXISTS heat;
CREATE DATABASE IF NOT EXISTS keystone;
CREATE DATABASE IF NOT EXISTS neutron;
CREATE DATABASE IF NOT EXISTS nova;
CREATE DATABASE IF NOT EXISTS nova_api;
CREATE DATABASE IF NOT EXISTS nova_cell0;
CREATE DATABASE IF NOT EXISTS placement;
-- Not all of the server: its reserved connection is for those who manage it.
GRANT ALL ON `%`.* TO 'openstack'@'%' IDENTIFIED BY 'openstack';
CREATE USER IF NOT EXISTS 'healthcheck'@'localhost' IDENTIFIED BY 'healthcheck';
