// SPDX-License-Identifier: Apache-2.0

import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import org.elasticsearch.bootstrap.BootstrapInfo;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginBundle;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * One Elasticsearch node in this virtual machine: Main PORT FOLDER [SETTING=VALUE...]. Says "READY" on its standard
 * output when it answers. The server's own entry point is not used: it refuses to run as root, and wants an agent that
 * only its launcher sets up.
 */
public final class Main {
  private static final String NAME = "node";

  public static void main(String[] arguments) throws Exception {
    var out = System.out; // the server puts its log in the place of it
    var folder = Path.of(arguments[1]).toAbsolutePath();
    var config = Files.createDirectories(folder.resolve("config"));
    Files.writeString(config.resolve("log4j2.properties"), logging(folder.resolve("server.log")));

    var settings = settings(arguments, folder);
    BootstrapInfo.init();
    LogConfigurator.configureESLogging(); // before anything that logs while its class is loaded
    LogConfigurator.setNodeName(NAME);
    var environment = InternalSettingsPreparer.prepareEnvironment(
        Settings.builder().putProperties(settings, key -> key).build(), Map.of(), config, () -> NAME);
    LogConfigurator.configure(environment, false);

    var node = new Node(environment, PluginsLoader.createPluginsLoader(
        bundles("loadModulesBundles", environment.modulesDir()),
        bundles("loadPluginsBundles", environment.pluginsDir()), Map.of()));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        node.close();
      } catch (Exception failed) {
        failed.printStackTrace();
      }
    }));
    node.start();
    out.println("READY");
    out.flush();
    new CountDownLatch(1).await();
  }

  private static Map<String, String> settings(String[] arguments, Path folder) {
    var settings = new TreeMap<>(Map.of(
        "path.home", System.getProperty("es.path.home"),
        "path.data", folder.resolve("data").toString(),
        "path.logs", folder.toString(),
        "node.name", NAME,
        "node.processors", "2",
        "discovery.type", "single-node",
        "network.host", "127.0.0.1",
        "http.port", arguments[0],
        "transport.port", "0",
        "cluster.routing.allocation.disk.threshold_enabled", "false"));
    settings.put("xpack.security.enabled", "false");
    for (int i = 2; i < arguments.length; i++) {
      var parts = arguments[i].split("=", 2);
      settings.put(parts[0], parts[1]);
    }
    return settings;
  }

  private static String logging(Path file) {
    return String.join("\n", "status = error", "appender.file.type = File", "appender.file.name = file",
        "appender.file.fileName = " + file, "appender.file.layout.type = PatternLayout",
        "appender.file.layout.pattern = %d %p %c{1.} %m%n", "rootLogger.level = warn",
        "rootLogger.appenderRef.file.ref = file", "");
  }

  /** Version 9 takes a second argument, version 8 does not. */
  @SuppressWarnings("unchecked")
  private static Set<PluginBundle> bundles(String name, Path folder) throws Exception {
    for (Method method : PluginsLoader.class.getMethods()) {
      if (!method.getName().equals(name)) continue;
      List<Object> arguments = new ArrayList<>(List.of(folder));
      if (method.getParameterCount() == 2) arguments.add(true);
      return (Set<PluginBundle>) method.invoke(null, arguments.toArray());
    }
    throw new NoSuchMethodException(name);
  }
}
